"""The provider: the only package that knows Twilio's words. Only the dispatcher may import `create`."""
