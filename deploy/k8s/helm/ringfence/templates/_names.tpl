{{- define "ringfence.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* 40 characters leave room for the longest suffix. */ -}}
{{- define "ringfence.fullname" -}}
{{- $name := include "ringfence.name" . -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "ringfence.selector" -}}
app.kubernetes.io/name: {{ include "ringfence.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "ringfence.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{ include "ringfence.selector" . }}
app.kubernetes.io/part-of: ringfence
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
{{- end -}}

{{- define "ringfence.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ringfence.secretName" -}}
{{- if .Values.secrets.externalSecret.enabled -}}{{ include "ringfence.fullname" . }}{{- else -}}{{ .Values.secrets.existingSecret }}{{- end -}}
{{- end -}}

{{- define "ringfence.cnpgName" -}}{{ include "ringfence.fullname" . }}-db{{- end -}}
{{- define "ringfence.rabbitmqName" -}}{{ include "ringfence.fullname" . }}-mq{{- end -}}

{{- /* A number as it was written: Helm would print large ones with an exponent. */ -}}
{{- define "ringfence.text" -}}
{{- if not (kindIs "float64" .) -}}{{ . }}
{{- else if eq (floor .) . -}}{{ printf "%.0f" . }}
{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- /* The port of an http or https URL. */ -}}
{{- define "ringfence.portOf" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (eq $url.scheme "http" | ternary "80" "443") -}}
{{- end -}}

{{- define "ringfence.webhookHost" -}}
{{- (urlParse .Values.settings.WEBHOOK_PUBLIC_URL).host | default "" | regexFind "^[^:]+" -}}
{{- end -}}

{{- define "ringfence.webhookPath" -}}
{{- (urlParse .Values.settings.WEBHOOK_PUBLIC_URL).path | default "" | trimSuffix "/" -}}
{{- end -}}
