{{- define "ringfence.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "ringfence.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "ringfence.scheduling" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.pod.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /*
The secrets of one program as a folder of files named like the settings. Every source is optional, so that a program
that lacks one starts, says which, and ends; without that its pod would wait for ever without a word in its log.
*/ -}}
{{- define "ringfence.secretsVolume" -}}
{{- $root := .root -}}
{{- $own := .keys -}}
{{- if $root.Values.settings.JWT_JWKS_URL }}{{ $own = without $own "JWT_SECRET" "JWT_SECRET_PREVIOUS" }}{{ end -}}
{{- $places := list -}}
{{- if $root.Values.database.cnpg.enabled -}}
{{- $places = append $places (dict "name" (printf "%s-app" (include "ringfence.cnpgName" $root)) "key" "uri" "path" "DATABASE_URL") -}}
{{- else if $root.Values.database.secret.name -}}
{{- $places = append $places (dict "name" $root.Values.database.secret.name "key" $root.Values.database.secret.key "path" "DATABASE_URL") -}}
{{- else -}}
{{- $own = prepend $own "DATABASE_URL" -}}
{{- end -}}
{{- if .broker -}}
{{- if $root.Values.broker.cluster.enabled -}}
{{- $places = append $places (dict "name" (printf "%s-default-user" (include "ringfence.rabbitmqName" $root)) "key" $root.Values.broker.cluster.secretKey "path" "AMQP_URL") -}}
{{- else if $root.Values.broker.secret.name -}}
{{- $places = append $places (dict "name" $root.Values.broker.secret.name "key" $root.Values.broker.secret.key "path" "AMQP_URL") -}}
{{- else -}}
{{- $own = prepend $own "AMQP_URL" -}}
{{- end -}}
{{- end -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- if $own }}
      - secret:
          name: {{ include "ringfence.secretName" $root | quote }}
          optional: true
          items:
            {{- range $own }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      {{- end }}
      {{- range $places }}
      - secret:
          name: {{ .name | quote }}
          optional: true
          items:
            - {key: {{ .key | quote }}, path: {{ .path }}}
      {{- end }}
{{- end -}}
