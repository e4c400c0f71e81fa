/**
 * What a node says to Kubernetes.
 */
import { isUrl } from './forms.ts'
import { flag, option, optional, section, text } from './option.ts'

export function kubernetesSection() {
  return section('What a node says to the Kubernetes that it runs in: nothing, unless it is told to.', {
    deletionCost: option(flag(), false, {
      env: 'SLUICE_KUBERNETES_DELETION_COST',
      doc: 'Whether the node keeps the annotation `controller.kubernetes.io/pod-deletion-cost` of its pod up to date, so that a scale-in takes the emptiest. The service account needs the right to patch pods.',
    }),
    podName: optional(text('the name of a pod', isPodName), {
      env: 'SLUICE_POD_NAME',
      doc: "The pod's `metadata.name`, by the downward API.",
    }),
    url: option(text('https:// and a host', isUrl('https')), 'https://kubernetes.default.svc', {
      doc: 'The API server, as pods reach it.',
    }),
    credentials: option(text('the path of a directory'), '/var/run/secrets/kubernetes.io/serviceaccount', {
      doc: "Where the service account's `token`, `ca.crt` and `namespace` are. Read again each time.",
    }),
  })
}

function isPodName(value: string): boolean {
  return value.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(value)
}
