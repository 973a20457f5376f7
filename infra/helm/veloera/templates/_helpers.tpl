{{- define "veloera.labels" -}}
app.kubernetes.io/name: veloera
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "veloera.selector" -}}
app.kubernetes.io/name: veloera
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* What every node's pod has, whatever its role. */}}
{{- define "veloera.pod" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
# Open calls end (drain_timeout_ms), then the journal comes home.
terminationGracePeriodSeconds: 120
{{- with .node.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .node.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .node.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: veloera
    image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: [serve, --role, {{ .role }}]
    ports:
      - { name: http, containerPort: 3000 }
    env:
      - { name: VELOERA_LISTEN, value: "0.0.0.0:3000" }
      - { name: VELOERA_DATA_DIR, value: /data }
      {{- range $name, $value := .root.Values.settings }}
      - { name: {{ $name }}, value: {{ $value | quote }} }
      {{- end }}
      {{- range .secrets }}
      - name: {{ . }}
        valueFrom: { secretKeyRef: { name: {{ $.root.Values.secretName }}, key: {{ . }} } }
      {{- end }}
      {{- if eq .role "relay" }}
      - { name: VELOERA_CONTROL_URL, value: "http://{{ .root.Release.Name }}-control:3000" }
      {{- end }}
      - name: VELOERA_REDIS_URL
        valueFrom: { secretKeyRef: { name: {{ .root.Values.secretName }}, key: VELOERA_REDIS_URL, optional: true } }
    volumeMounts:
      - { name: data, mountPath: /data }
    startupProbe:
      httpGet: { path: /livez, port: http }
      periodSeconds: 1
      failureThreshold: 120
    livenessProbe:
      httpGet: { path: /livez, port: http }
      periodSeconds: 10
      failureThreshold: 6
    readinessProbe:
      httpGet: { path: /readyz, port: http }
      periodSeconds: 2
      failureThreshold: 2
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    resources: {{ toYaml .node.resources | nindent 6 }}
{{- end }}
