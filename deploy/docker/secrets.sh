#!/usr/bin/env bash
# Makes the files of deploy/docker/secrets: random where nobody else needs to know, those of Twilio from the
# environment, else the ones that the simulator goes by. What is there already stays. An empty file is an unset setting.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p -m 700 secrets
cd secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

put() {
    if [ ! -e "$1" ]; then printf '%s\n' "$2" >"$1"; fi
    # The services run as a user of their own in their containers; the folder keeps others on this machine out.
    chmod 644 "$1"
}

put postgres_password "$(random)"
put grafana_password "$(random)"
if [ ! -e rabbitmq_user.conf ]; then
    password=$(random)
    put rabbitmq_user.conf "default_user = ringfence
default_pass = $password"
    rm -f AMQP_URL
    put AMQP_URL "amqp://ringfence:$password@rabbitmq/"
fi
put DATABASE_URL "postgresql://ringfence:$(cat postgres_password)@postgres/ringfence"
put JWT_SECRET "$(random)"
put JWT_SECRET_PREVIOUS ""
put SECRETS_KEY "$(random)"
put SECRETS_KEY_PREVIOUS ""
put TWILIO_ACCOUNT_SID "${TWILIO_ACCOUNT_SID:-AC00000000000000000000000000000000}"
put TWILIO_AUTH_TOKEN "${TWILIO_AUTH_TOKEN:-only-for-the-simulator}"
put TWILIO_AUTH_TOKEN_PREVIOUS ""
put TWILIO_FROM_NUMBER "${TWILIO_FROM_NUMBER:-+15005550006}"
