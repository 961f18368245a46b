{{- define "ringfence.cnpgSpec" -}}
instances: {{ .is.instances }}
imageName: {{ .is.imageName | quote }}
primaryUpdateStrategy: unsupervised
bootstrap:
  initdb: {database: ringfence, owner: ringfence}
managed:
  roles:
    # Migrations create the roles that the policies of row-level security name.
    - {name: ringfence, ensure: present, login: true, createrole: true}
postgresql:
  {{- if .is.synchronousStandbys }}
  # What the database confirmed must survive a failover: the promise not to ring twice rests on it.
  synchronous: {method: any, number: {{ .is.synchronousStandbys }}, dataDurability: required}
  {{- end }}
  parameters:
    max_connections: "300"
storage:
  size: {{ .is.storage.size }}
  {{- with .is.storage.storageClass }}
  storageClass: {{ . | quote }}
  {{- end }}
resources: {{- toYaml .is.resources | nindent 2 }}
affinity:
  enablePodAntiAffinity: true
  topologyKey: kubernetes.io/hostname
  podAntiAffinityType: preferred
{{- end -}}

{{- define "ringfence.rabbitmqSpec" -}}
replicas: {{ .is.replicas }}
image: {{ .is.image | quote }}
persistence:
  storage: {{ .is.storage.size }}
  {{- with .is.storage.storageClass }}
  storageClassName: {{ . | quote }}
  {{- end }}
resources: {{- toYaml .is.resources | nindent 2 }}
rabbitmq:
  additionalPlugins: [rabbitmq_consistent_hash_exchange]
  additionalConfig: |
    cluster_partition_handling = pause_minority
    default_queue_type = quorum
    queue_leader_locator = balanced
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {app.kubernetes.io/name: {{ include "ringfence.rabbitmqName" .root }}}
{{- end -}}
