{{- define "ringfence.ports" -}}
ports:
  {{- range . }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end -}}

{{- define "ringfence.databaseEgress" -}}
- {{ include "ringfence.ports" .Values.networkPolicy.database.ports | nindent 2 | trim }}
  {{- if .Values.networkPolicy.database.to }}
  to: {{- toYaml .Values.networkPolicy.database.to | nindent 4 }}
  {{- else if .Values.database.cnpg.enabled }}
  to:
    - podSelector: {matchLabels: {cnpg.io/cluster: {{ include "ringfence.cnpgName" . | quote }}}}
  {{- end }}
{{- end -}}

{{- define "ringfence.brokerEgress" -}}
- {{ include "ringfence.ports" .Values.networkPolicy.broker.ports | nindent 2 | trim }}
  {{- if .Values.networkPolicy.broker.to }}
  to: {{- toYaml .Values.networkPolicy.broker.to | nindent 4 }}
  {{- else if .Values.broker.cluster.enabled }}
  to:
    - podSelector: {matchLabels: {app.kubernetes.io/name: {{ include "ringfence.rabbitmqName" . }}}}
  {{- end }}
{{- end -}}

{{- /* The host of a URL. A policy knows no host names, so what is not narrowed is the internet without what is private. */ -}}
{{- define "ringfence.hostEgress" -}}
- {{ include "ringfence.ports" (list (include "ringfence.portOf" .url)) | nindent 2 | trim }}
  to:
  {{- if .to }}
  {{- toYaml .to | nindent 4 }}
  {{- else }}
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
    - ipBlock:
        cidr: "::/0"
        except: ["::1/128", "fc00::/7", "fe80::/10"]
  {{- end }}
{{- end -}}
