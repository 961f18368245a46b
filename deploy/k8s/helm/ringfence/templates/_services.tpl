{{- /*
What sets the four services apart. `secrets` are the keys that a service is given: the api never sees a Twilio token,
only the api sees what tokens of its users are verified with.
*/ -}}
{{- define "ringfence.services" -}}
api:
  port: 8000
  service: true
  stateful: false
  secrets: [JWT_SECRET, JWT_SECRET_PREVIOUS, SECRETS_KEY, SECRETS_KEY_PREVIOUS]
webhook:
  port: 8001
  service: true
  stateful: false
  secrets: [TWILIO_AUTH_TOKEN, TWILIO_AUTH_TOKEN_PREVIOUS, SECRETS_KEY, SECRETS_KEY_PREVIOUS]
dispatcher:
  port: 8002
  service: false
  stateful: true
  secrets: [TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM_NUMBER, SECRETS_KEY, SECRETS_KEY_PREVIOUS]
reaper:
  port: 8003
  service: false
  stateful: false
  secrets: [TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, SECRETS_KEY, SECRETS_KEY_PREVIOUS]
{{- end -}}
