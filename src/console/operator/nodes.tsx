/**
 * The nodes as they fill and drain, and which versions have the clients.
 */
import { Bar } from './parts.tsx'
import type { ClusterShown, NodeShown } from './shapes.ts'
import { count, duration, many, partAway, rate, shortId, STATE_WORDS } from './words.ts'

type Tone = 'plain' | 'held' | 'bad' | 'good'

function toneOf({ state, degraded, pressure }: NodeShown): Tone {
  if (degraded.length > 0) return 'bad'
  if (state !== 'active' || pressure >= 1) return 'held'
  return 'good'
}

function NodeCard(props: { readonly node: NodeShown; readonly most: number; readonly asked: boolean }) {
  const { node, most, asked } = props
  const { id, version, region, role, state, connections, connectionsMax, rates, service, degraded } = node
  const tone = toneOf(node)
  const latency = service?.latencyMs
  const room = connectionsMax === undefined ? '' : ` of ${count(connectionsMax)}`
  return (
    <li class={`card node ${tone}`}>
      <header>
        <h3>
          <code title={id}>{shortId(id)}</code>
        </h3>
        <span class={`badge ${tone}`}>{STATE_WORDS[state]}</span>
      </header>
      <p class="quiet">
        version <b>{version}</b>, {region}
        {role !== 'all' && `, ${role}`}
        {asked && ', asked by this page'}
      </p>
      <Bar
        label={`Clients of node ${shortId(id)}`}
        part={connections}
        whole={connectionsMax ?? Math.max(1, most)}
        text={many(connections, 'client')}
        tone={tone}
      />
      <p class="clients">
        <b>{count(connections)}</b>
        {room} {connections === 1 && room === '' ? 'client' : 'clients'}
      </p>
      <dl>
        <dt>in</dt>
        <dd>{rate(rates.published)}/s</dd>
        <dt>out</dt>
        <dd>{rate(rates.delivered)}/s</dd>
        <dt>latency p99</dt>
        <dd>{latency === undefined ? '–' : duration(latency.p99)}</dd>
        <dt>loop lag</dt>
        <dd>{service === undefined ? '–' : duration(service.lagMs)}</dd>
      </dl>
      {degraded.map((part) => (
        <p class="fault" key={part}>
          {partAway(part)}
        </p>
      ))}
    </li>
  )
}

export function Nodes({
  cluster,
  asked,
}: {
  readonly cluster: ClusterShown
  readonly asked: string | undefined
}) {
  const nodes = [...cluster.nodes].sort((a, b) => a.startedAt - b.startedAt || a.id.localeCompare(b.id))
  const most = Math.max(0, ...nodes.map(({ connections }) => connections))
  return (
    <section aria-labelledby="nodes-title">
      <h2 id="nodes-title">Nodes</h2>
      <ul class="nodes">
        {nodes.map((node) => (
          <NodeCard key={node.id} node={node} most={most} asked={node.id === asked} />
        ))}
      </ul>
    </section>
  )
}

/** How far a deploy has come: which version has how many. */
export function Versions({ cluster }: { readonly cluster: ClusterShown }) {
  const clients = new Map<string, number>()
  for (const { version, connections } of cluster.nodes)
    clients.set(version, (clients.get(version) ?? 0) + connections)
  const all = [...clients.values()].reduce((sum, value) => sum + value, 0)
  const { target, cordons } = cluster
  return (
    <section class="card versions" aria-labelledby="versions-title">
      <h2 id="versions-title">Versions</h2>
      <ul>
        {[...clients].map(([version, value]) => (
          <li key={version}>
            <span>
              <b>{version}</b>
              {version === target.version && <span class="badge good">clients go here</span>}
            </span>
            <Bar label={`Clients of version ${version}`} part={value} whole={all === 0 ? 1 : all} />
            <span>
              {count(value)}
              <span class="quiet"> ({all === 0 ? 0 : Math.round((value / all) * 100)} %)</span>
            </span>
          </li>
        ))}
      </ul>
      {!clients.has(target.version) && (
        <p class="quiet">Clients are to go to {target.version}, and no node of it is there.</p>
      )}
      {cordons.map(({ kind, what, by }) => (
        <p key={`${kind} ${what}`}>
          <span class="badge held">kept out</span> {kind} {what}, by {by}
        </p>
      ))}
    </section>
  )
}
