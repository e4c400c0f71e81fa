/** deploy/kubernetes: what each overlay comes to has the form of Kubernetes, fits together, and gives a drain its time. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createUser } from '@nats-io/nkeys'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configCheck, configOf, MARGIN_MS, SECRETS } from '../support/config-check.ts'
import { unknownIn } from '../support/known-metrics.ts'
import {
  formFaults,
  manifestsIn,
  manifestsOf,
  usableKubectl,
  type Manifest,
} from '../support/kubernetes-manifests.ts'
import { temporaryDirectory } from '../support/server-process.ts'

const FOLDER = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url))
const OVERLAYS = ['base', 'overlays/small', 'overlays/large', 'overlays/canary']
const kubectl = usableKubectl()

type Labels = Readonly<Record<string, string>>

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
  readonly periodSeconds: number
  readonly failureThreshold: number
}

interface Container {
  readonly image: string
  readonly args: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env: readonly {
    readonly name: string
    readonly value?: string
    readonly valueFrom?: {
      readonly fieldRef?: { readonly fieldPath: string }
      readonly secretKeyRef?: { readonly name: string; readonly key: string }
    }
  }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly resources: { readonly requests: Labels; readonly limits: Labels }
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface Pod {
  readonly enableServiceLinks: boolean
  readonly terminationGracePeriodSeconds: number
  readonly serviceAccountName: string
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly topologySpreadConstraints: readonly {
    readonly topologyKey: string
    readonly labelSelector: { readonly matchLabels: Labels }
  }[]
  readonly containers: readonly Container[]
  readonly volumes: readonly {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly secret?: { readonly secretName: string }
  }[]
}

interface DeploymentSpec {
  readonly selector: { readonly matchLabels: Labels }
  readonly strategy: {
    readonly rollingUpdate: { readonly maxUnavailable: number; readonly maxSurge: number }
  }
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod }
}

interface NetworkPolicySpec {
  readonly podSelector: { readonly matchLabels: Labels }
  readonly ingress: readonly {
    readonly ports: readonly { readonly port: string | number }[]
    readonly from?: readonly object[]
  }[]
}

describe.skipIf(kubectl.missing !== undefined).each(OVERLAYS)(`%s${kubectl.note}`, (overlay) => {
  const manifests = kubectl.missing === undefined ? manifestsOf(overlay) : []
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks says what he expects to find
  const find = <Spec>(kind: string, name = 'sluice'): Manifest & { spec: Spec } => {
    const found = manifests.find((one) => one.kind === kind && one.metadata.name === name)
    if (found === undefined) throw new Error(`${overlay} has no ${kind} ${name}`)
    return found as Manifest & { spec: Spec }
  }
  const deployment = (): DeploymentSpec => find<DeploymentSpec>('Deployment').spec
  const pod = (): Pod => deployment().template.spec
  const container = (): Container => pod().containers[0] as Container

  /** As a pod has it. */
  function environment(): Record<string, string> {
    const secrets: Labels = {
      'cluster-secret': SECRETS['SLUICE_CLUSTER_SECRET'] as string,
      'api-keys': SECRETS['SLUICE_API_KEYS'] as string,
      'redis-url': 'sentinel://:password@redis-sentinel.redis:26379/sluice',
    }
    const fields: Labels = {
      "metadata.labels['app.kubernetes.io/version']": deployment().template.metadata.labels[
        'app.kubernetes.io/version'
      ] as string,
      'status.podIP': '10.1.2.3',
    }
    return Object.fromEntries(
      container().env.map(({ name, value, valueFrom }) => {
        const found =
          value ?? secrets[valueFrom?.secretKeyRef?.key ?? ''] ?? fields[valueFrom?.fieldRef?.fieldPath ?? '']
        if (found === undefined) throw new Error(`${name} comes from nowhere`)
        return [name, found]
      }),
    )
  }

  /** The file of the ConfigMap, with a seed that is here. */
  function configFile(): string {
    const { configMap } = pod().volumes.find(({ name }) => name === 'config') ?? {}
    const text = find<never>('ConfigMap', configMap?.name).data?.['sluice.yaml'] as string
    const folder = mkdtempSync(join(temporaryDirectory('kubernetes').path, 'pod-'))
    const seed = join(folder, 'user.nk')
    writeFileSync(seed, createUser().getSeed())
    const path = join(folder, 'sluice.yaml')
    expect(text).toContain('/etc/sluice/nats/user.nk')
    writeFileSync(path, text.replace('/etc/sluice/nats/user.nk', seed))
    return path
  }

  it('has the form of Kubernetes', () => {
    expect(manifests.length).toBeGreaterThan(8)
    expect(formFaults(manifests)).toBe('')
  })

  it('has a configuration that can be used, without a warning', () => {
    expect(configCheck(configFile(), environment())).toEqual({ code: 0, said: 'the configuration is good\n' })
  })

  it('gives a pod more time than its drain may take, and scale-in waits for it', () => {
    const { deadline } = configOf(configFile(), environment()).drain
    const graceMs = pod().terminationGracePeriodSeconds * 1000
    expect(graceMs).toBeGreaterThanOrEqual((deadline as number) + MARGIN_MS)
    const { behavior } = find<{
      behavior: { scaleDown: { policies: { type: string; value: number; periodSeconds: number }[] } }
    }>('HorizontalPodAutoscaler').spec
    expect(behavior.scaleDown.policies).toMatchObject([{ type: 'Pods', value: 1 }])
    // At the default pace of `large` two nodes may overlap: the first has moved more than half by then.
    expect(behavior.scaleDown.policies[0]?.periodSeconds).toBeGreaterThan(graceMs / 2000)
  })

  it('replaces a node only when the new one is there', () => {
    expect(deployment().strategy.rollingUpdate).toMatchObject({ maxUnavailable: 0 })
    expect(deployment().strategy.rollingUpdate.maxSurge).toBeGreaterThan(0)
  })

  it('asks the second listener for each probe, on the ports of the configuration', () => {
    const { startupProbe, livenessProbe, readinessProbe, ports } = container()
    const asked = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet: { path, port } }) => [
      path,
      port,
    ])
    expect(asked).toEqual([
      ['/startupz', 'api'],
      ['/livez', 'api'],
      ['/readyz', 'api'],
    ])
    const config = configOf(configFile(), environment())
    expect(ports).toEqual([
      { name: 'public', containerPort: config.port },
      { name: 'api', containerPort: config.api.port },
    ])
    // By then nobody is sent to a node that goes.
    expect(readinessProbe.periodSeconds * readinessProbe.failureThreshold * 1000).toBeLessThan(
      config.drain.deregisterDelay,
    )
  })

  it('mounts what it names, and has secrets by reference only', () => {
    const { volumes, serviceAccountName } = pod()
    const names = volumes.map(({ name }) => name)
    for (const { name } of container().volumeMounts) expect(names).toContain(name)
    expect(container().args).toEqual(['serve', '--config', '/etc/sluice/sluice.yaml'])
    expect(find('ServiceAccount', serviceAccountName)).toMatchObject({ automountServiceAccountToken: false })
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([])
    const head = readFileSync(join(FOLDER, 'base/kustomization.yaml'), 'utf8')
    const kept = container().env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])
    expect(kept.map(({ key }) => key)).toEqual(['cluster-secret', 'api-keys', 'redis-url'])
    for (const { name, key } of kept) {
      expect(head).toContain(`create secret generic ${name} `)
      expect(head).toContain(`--from-literal=${key}=`)
    }
    expect(head).toContain('create secret generic sluice-nats --from-file=user.nk')
  })

  it('runs a pod that may do nothing but serve', () => {
    expect(pod()).toMatchObject({
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(container().securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container().image).toMatch(/:\d+\.\d+\.\d+$/)
    expect(container().resources.limits).not.toHaveProperty('cpu')
    expect(container().resources.limits).toHaveProperty('memory')
    const dockerfile = readFileSync(join(FOLDER, '../../Dockerfile'), 'utf8')
    expect(dockerfile).toContain('USER 10001:10001')
  })

  it('chooses its own pods wherever it chooses pods', () => {
    const { labels } = deployment().template.metadata
    const chosen = [
      deployment().selector.matchLabels,
      find<{ selector: { matchLabels: Labels } }>('PodDisruptionBudget').spec.selector.matchLabels,
      find<NetworkPolicySpec>('NetworkPolicy').spec.podSelector.matchLabels,
      find<{ selector: Labels }>('Service').spec.selector,
      find<{ selector: Labels }>('Service', 'sluice-api').spec.selector,
      ...pod().topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
    ]
    for (const selector of chosen) {
      expect(Object.keys(selector)).not.toEqual([])
      // The version is not among them: all versions are one service.
      expect(selector).not.toHaveProperty('app.kubernetes.io/version')
      expect(labels).toMatchObject(selector)
    }
    expect(labels['app.kubernetes.io/version']).toBeDefined()
    expect(pod().topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ])
  })

  it('shows the world the public listener only, with the real address of who connects', () => {
    const open = manifests.filter(
      ({ kind, spec }) => kind === 'Service' && (spec as { type: string }).type !== 'ClusterIP',
    )
    expect(open.map(({ metadata }) => metadata.name)).toEqual(['sluice'])
    const service = find<{ externalTrafficPolicy: string; ports: { targetPort: string }[] }>('Service')
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual(['public'])
    expect(service.spec.externalTrafficPolicy).toBe('Local')
    const annotation = (name: string): string | undefined =>
      service.metadata.annotations?.[`service.beta.kubernetes.io/aws-load-balancer-${name}`]
    const config = configOf(configFile(), environment())
    expect([annotation('proxy-protocol'), config.proxyProtocol]).toEqual(['*', true])
    expect([annotation('healthcheck-port'), annotation('healthcheck-path')]).toEqual([
      String(config.api.port),
      '/readyz',
    ])
    const { ingress } = find<NetworkPolicySpec>('NetworkPolicy').spec
    const toAll = ingress
      .filter(({ from }) => from === undefined)
      .flatMap(({ ports }) => ports.map(({ port }) => port))
    expect(toAll).toEqual(['public'])
    const cidrs = JSON.stringify(ingress).match(/(?<="cidr":")[^"]+/g)
    expect(cidrs).toEqual(config.trustedProxies)
  })

  it('scales by connections, never by CPU', () => {
    const { metrics, scaleTargetRef } = find<{
      metrics: { type: string; pods: { metric: { name: string } } }[]
      scaleTargetRef: { kind: string; name: string }
    }>('HorizontalPodAutoscaler').spec
    expect(metrics).toHaveLength(1)
    expect(metrics[0]).toMatchObject({ type: 'Pods', pods: { metric: { name: 'sluice_connections' } } })
    find(scaleTargetRef.kind, scaleTargetRef.name)
    const adapter = parse(readFileSync(join(FOLDER, 'prometheus-adapter.yaml'), 'utf8')) as {
      rules: { custom: { name: { matches: string }; metricsQuery: string }[] }
    }
    expect(adapter.rules.custom.map(({ name }) => name.matches)).toEqual(['sluice_connections'])
    expect(unknownIn('sluice_connections')).toEqual([])
  })

  it.skipIf(overlay === 'base')('is found by Prometheus as the job that alerts ask for', () => {
    const monitor = find<{
      jobLabel: string
      selector: { matchLabels: Labels }
      endpoints: { port: string }[]
    }>('ServiceMonitor')
    const service = find<{ ports: { name: string }[] }>('Service', 'sluice-api')
    expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels)
    expect(service.metadata.labels?.[monitor.spec.jobLabel]).toBe('sluice')
    const ports = monitor.spec.endpoints.map(({ port }) => port)
    expect(service.spec.ports.map(({ name }) => name)).toEqual(ports)
    // Both Services have the label; only this one has the port.
    expect(find<{ ports: { name: string }[] }>('Service').spec.ports.map(({ name }) => name)).not.toEqual(
      ports,
    )
  })
})

describe.skipIf(kubectl.missing !== undefined)(`the canary${kubectl.note}`, () => {
  const manifests = kubectl.missing === undefined ? manifestsOf('overlays/canary') : []
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks says what he expects to find
  const specOf = <Spec>(kind: string): Spec => manifests.find((one) => one.kind === kind)?.spec as Spec
  interface Analysis {
    readonly args: readonly { readonly name: string }[]
    readonly metrics: readonly {
      readonly name: string
      readonly successCondition: string
      readonly provider: { readonly prometheus: { readonly query: string } }
    }[]
  }

  it('runs the pods of the Deployment, which has none of its own', () => {
    expect(specOf('Rollout')).toMatchObject({
      workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'sluice' },
      strategy: { canary: { maxUnavailable: 0 } },
    })
    expect(specOf('Deployment')).toMatchObject({ replicas: 0 })
  })

  it('analyses the version that the pods say they are of', () => {
    const rollout = manifests.find(({ kind }) => kind === 'Rollout')
    const deployment = specOf<DeploymentSpec>('Deployment')
    const label = 'app.kubernetes.io/version'
    expect(rollout?.metadata.labels?.[label]).toBe(deployment.template.metadata.labels[label])
    const { canary } = specOf<{
      strategy: {
        canary: {
          analysis: { templates: { templateName: string }[]; args: { name: string; valueFrom: unknown }[] }
        }
      }
    }>('Rollout').strategy
    const template = manifests.find(({ kind }) => kind === 'AnalysisTemplate')
    expect(canary.analysis.templates).toEqual([{ templateName: template?.metadata.name }])
    expect(canary.analysis.args).toEqual([
      { name: 'version', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${label}']` } } },
    ])
    expect(specOf<Analysis>('AnalysisTemplate').args).toEqual([{ name: 'version' }])
  })

  it('asks for what there is: loss, resets, latency, reconnects and faults of this version', () => {
    const { metrics } = specOf<Analysis>('AnalysisTemplate')
    expect(metrics.map(({ name }) => name)).toEqual(['loss', 'resets', 'latency', 'reconnects', 'faults'])
    for (const { provider, successCondition } of metrics) {
      const { query } = provider.prometheus
      expect(query).toContain('version="{{args.version}}"')
      expect(unknownIn(query.replaceAll('{{args.version}}', '2'))).toEqual([])
      // A query that may find nothing, or divide by nothing, is not a failure.
      expect(query.includes('or vector(0)') || successCondition.startsWith('isNaN(result[0])')).toBe(true)
    }
  })
})

describe.skipIf(kubectl.missing !== undefined)(`the component deletion-cost${kubectl.note}`, () => {
  let manifests: Manifest[]
  beforeAll(() => {
    const directory = temporaryDirectory('overlay')
    const to = (part: string): string => relative(realpathSync(directory.path), join(FOLDER, part))
    writeFileSync(
      join(directory.path, 'kustomization.yaml'),
      `resources: [${to('overlays/small')}]\ncomponents: [${to('components/deletion-cost')}]\n`,
    )
    manifests = manifestsIn(
      execFileSync('kubectl', ['kustomize', directory.path], { encoding: 'utf8', stdio: 'pipe' }),
    )
    directory.remove()
  })
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks says what he expects to find
  const found = <T>(kind: string): T => manifests.find((one) => one.kind === kind) as T

  it('has the form of Kubernetes', () => {
    // The types have lost the field `resources` of a rule, without which a rule is for nothing.
    const resources = /"resources":\["pods"\],?/
    const typed = manifests.map((one) => {
      if (one.kind !== 'ValidatingAdmissionPolicy') return one
      expect(JSON.stringify(one)).toMatch(resources)
      return JSON.parse(JSON.stringify(one).replace(resources, '').replace(',}', '}')) as Manifest
    })
    expect(formFaults(typed)).toBe('')
  })

  it('gives nodes a token, the name of their pod, and a configuration that uses both', () => {
    const { template } = found<{ spec: DeploymentSpec }>('Deployment').spec
    expect(template.spec).toMatchObject({ automountServiceAccountToken: true, serviceAccountName: 'sluice' })
    const env = (template.spec.containers[0] as Container).env
    expect(env.find(({ name }) => name === 'SLUICE_POD_NAME')?.valueFrom?.fieldRef?.fieldPath).toBe(
      'metadata.name',
    )
    const written = Object.fromEntries(
      env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
    )
    const [SLUICE_POD_NAME, SLUICE_REDIS_URL] = ['sluice-1', 'redis://redis.redis']
    const settings = { ...SECRETS, ...written, SLUICE_POD_NAME, SLUICE_REDIS_URL }
    const directory = temporaryDirectory('config')
    const file = join(directory.path, 'sluice.yaml')
    writeFileSync(file, found<Manifest>('ConfigMap').data?.['sluice.yaml'] ?? '')
    expect(configOf(file, settings).kubernetes).toMatchObject({ deletionCost: true, podName: 'sluice-1' })
    directory.remove()
  })

  it('lets their service account patch pods, its own one alone, and nothing but its annotations', () => {
    expect(found('Role')).toMatchObject({
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['patch'] }],
    })
    const account = found<Manifest>('ServiceAccount').metadata
    expect(found('RoleBinding')).toMatchObject({
      roleRef: { kind: 'Role', name: found<Manifest>('Role').metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: account.name, namespace: account.namespace }],
    })
    const policy = found<Manifest & { spec: { validations: { expression: string }[] } }>(
      'ValidatingAdmissionPolicy',
    )
    expect(JSON.stringify(policy)).toContain(`system:serviceaccount:${account.namespace}:${account.name}`)
    expect(policy.spec.validations).toHaveLength(2)
    expect(found('ValidatingAdmissionPolicyBinding')).toMatchObject({
      spec: { policyName: policy.metadata.name, validationActions: ['Deny'] },
    })
  })

  it('lets them to the API server', () => {
    const { egress } = found<{ spec: { egress: { ports: { port: number }[]; to?: unknown }[] } }>(
      'NetworkPolicy',
    ).spec
    const open = egress
      .filter(({ to }) => to === undefined)
      .flatMap(({ ports }) => ports.map(({ port }) => port))
    expect(open).toEqual(expect.arrayContaining([443, 6443]))
  })
})

it('a field that Kubernetes does not have is a fault', () => {
  const [manifest] = manifestsIn(
    '{ apiVersion: apps/v1, kind: Deployment, metadata: { name: a }, spec: { replcas: 1 } }',
  )
  expect(formFaults([manifest as Manifest])).toMatch(/replcas.* does not exist in type 'DeploymentSpec'/)
})
