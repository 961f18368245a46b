"""`python -m services.webhook`"""

from services.webhook.main import main
from shared.process import run

if __name__ == "__main__":
    run("webhook", main)
