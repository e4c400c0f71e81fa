/**
 * What has happened, told from two sights of the cluster: who came and went, what moved, what was repaired, what is held and
 * why. Pure.
 */
import type { ClusterShown, JobShown, NodeShown } from './shapes.ts'
import { begunText, count, many, partAway, PART_WORDS, shortId } from './words.ts'

export type Tone = 'plain' | 'good' | 'held' | 'bad'

export interface Line {
  readonly at: number
  readonly tone: Tone
  readonly text: string
  /** Lines of one kind within some minutes are told as one, with what all have counted. */
  readonly sum?: { readonly kind: SumKind; readonly count: number }
}

export type SumKind = 'repaired' | 'resets'

const LINES_MAX = 200
const JOINED_MS = 300_000
const FULL = 1

const SUMS: Readonly<Record<SumKind, (count: number) => Pick<Line, 'tone' | 'text'>>> = {
  repaired: (sum) => ({
    tone: 'good',
    text: `${many(sum, 'hole')} in channels ${sum === 1 ? 'was' : 'were'} filled from the log: nobody missed anything`,
  }),
  resets: (sum) => ({
    tone: 'bad',
    text: `${many(sum, 'subscription')} could not be repaired, and ${sum === 1 ? 'was' : 'were'} told to refetch`,
  }),
}

function summed(kind: SumKind, sum: number, at: number): Line {
  return { at, ...SUMS[kind](sum), sum: { kind, count: sum } }
}

/** The newest first. */
export function withLines(story: readonly Line[], news: readonly Line[]): readonly Line[] {
  if (news.length === 0) return story
  const next = [...story]
  for (const line of news) {
    const { sum, at } = line
    const same = next.findIndex(
      (one) => sum !== undefined && one.sum?.kind === sum.kind && at - one.at < JOINED_MS,
    )
    const before = next[same]
    if (sum === undefined || before?.sum === undefined) next.unshift(line)
    // At its place, since when it is so.
    else next[same] = summed(sum.kind, sum.count + before.sum.count, before.at)
  }
  // What came first is told first; of a report the end was before it was read.
  return next.sort((a, b) => b.at - a.at).slice(0, LINES_MAX)
}

/** `before` absent: nothing was seen yet. */
export function clusterLines(before: ClusterShown | undefined, after: ClusterShown, at: number): Line[] {
  const line = (tone: Tone, text: string): Line => ({ at, tone, text })
  if (before === undefined) {
    const clients = after.nodes.reduce((sum, { connections }) => sum + connections, 0)
    const all = many(after.nodes.length, 'node')
    return [
      line(
        'plain',
        `You look at ${all} with ${many(clients, 'client')}; clients go to version ${after.target.version}`,
      ),
    ]
  }
  const known = new Map(before.nodes.map((node) => [node.id, node]))
  const here = new Set(after.nodes.map(({ id }) => id))
  const lines = after.nodes.flatMap((node) => nodeLines(known.get(node.id), node, line))
  // What the registry does not say is not gone.
  if (after.stale !== true && before.stale !== true)
    for (const node of before.nodes) if (!here.has(node.id)) lines.push(goneLine(node, line))
  if (after.stale === true && before.stale !== true)
    lines.push(line('bad', 'The registry does not answer: this is what the node knew last'))
  if (after.stale !== true && before.stale === true) lines.push(line('good', 'The registry answers again'))
  if (after.target.version !== before.target.version) {
    const by = after.target.by === undefined ? '' : `, as ${after.target.by} has said`
    lines.push(line('plain', `Clients go to version ${after.target.version} now${by}`))
  }
  return [...lines, ...cordonLines(before, after, line), ...serviceLines(known, after.nodes, at)]
}

type MakeLine = (tone: Tone, text: string) => Line

function named({ id, version }: NodeShown): string {
  return `Node ${shortId(id)} (${version})`
}

function nodeLines(before: NodeShown | undefined, node: NodeShown, line: MakeLine): Line[] {
  const name = named(node)
  if (before === undefined) return [line('good', `${name} has joined in ${node.region}`)]
  const lines: Line[] = []
  if (node.state !== before.state) lines.push(stateLine(before, node, line))
  for (const part of node.degraded)
    if (!before.degraded.includes(part)) lines.push(line('bad', `${name} ${partAway(part)}`))
  for (const part of before.degraded)
    if (!node.degraded.includes(part)) lines.push(line('good', `${name} is well again (${part})`))
  if (node.pressure >= FULL && before.pressure < FULL && node.state === 'active')
    lines.push(line('held', `${name} queues new connections: it has all that it can take`))
  if (node.pressure < FULL && before.pressure >= FULL && node.state === 'active')
    lines.push(line('good', `${name} takes new connections at once again`))
  return lines
}

function stateLine(before: NodeShown, node: NodeShown, line: MakeLine): Line {
  const name = named(node)
  switch (node.state) {
    case 'draining':
      return line('plain', `${name} drains: ${many(node.connections, 'client')} are to go elsewhere`)
    case 'cordoned':
      return line('held', `${name} is kept out: it takes no new clients`)
    case 'closing':
      return line('plain', `${name} closes`)
    case 'active':
      return line('good', before.state === 'starting' ? `${name} is ready` : `${name} takes clients again`)
    case 'starting':
      return line('plain', `${name} starts`)
    default:
      return line('plain', `${name} is ${String(node.state satisfies never)}`)
  }
}

function goneLine(node: NodeShown, line: MakeLine): Line {
  const name = named(node)
  if (node.state === 'draining' || node.state === 'closing' || node.connections === 0)
    return line('plain', `${name} has gone`)
  return line(
    'bad',
    `${name} has vanished with ${many(node.connections, 'client')}: they come back to the other nodes by themselves`,
  )
}

function cordonLines(before: ClusterShown, after: ClusterShown, line: MakeLine): Line[] {
  const key = ({ kind, what }: { readonly kind: string; readonly what: string }): string => `${kind} ${what}`
  const [old, now] = [new Set(before.cordons.map(key)), new Set(after.cordons.map(key))]
  return [
    ...after.cordons
      .filter((cordon) => !old.has(key(cordon)))
      .map((cordon) => line('held', `${cordon.by} keeps out ${key(cordon)}`)),
    ...before.cordons
      .filter((cordon) => !now.has(key(cordon)))
      .map((cordon) => line('plain', `${key(cordon)} is let in again`)),
  ]
}

function serviceLines(
  known: ReadonlyMap<string, NodeShown>,
  nodes: readonly NodeShown[],
  at: number,
): Line[] {
  const kinds = Object.keys(SUMS) as SumKind[]
  return kinds.flatMap((kind) => {
    let sum = 0
    for (const { id, service } of nodes) {
      const before = known.get(id)?.service
      if (service !== undefined && before !== undefined) sum += Math.max(0, service[kind] - before[kind])
    }
    return sum === 0 ? [] : [summed(kind, sum, at)]
  })
}

/** Of a job that runs. `before` absent: it has just been begun. */
export function jobLines(before: JobShown | undefined, job: JobShown, at: number): Line[] {
  const line = (tone: Tone, text: string): Line => ({ at, tone, text: `${job.id}: ${text}` })
  if (before === undefined) {
    const lines: Line[] = [{ at: job.at, tone: 'plain', text: begunText(job) }]
    if (job.holding !== undefined) lines.push(line('held', `held: ${job.holding}`))
    return lines
  }
  const lines: Line[] = []
  if (job.state !== before.state) {
    if (job.state === 'paused') lines.push(line('held', 'paused by an operator'))
    if (job.state === 'running') lines.push(line('plain', 'goes on'))
    if (job.state === 'cancelled') lines.push(line('held', 'cancelled: who has not moved yet stays'))
  }
  if (job.plan !== before.plan) lines.push(line('plain', `the plan is ${job.plan} now`))
  if (job.holding !== before.holding)
    lines.push(
      job.holding === undefined
        ? line('good', 'what held it is over; it moves clients again')
        : line('held', `held: ${job.holding}`),
    )
  for (const node of job.nodes) {
    const was = before.nodes.find(({ id }) => id === node.id)
    if (was === undefined || was.part === node.part || node.part === 'called') continue
    const tone: Tone =
      node.part === 'lost' || node.part === 'silent' ? 'bad' : node.part === 'gone' ? 'good' : 'plain'
    const moved = node.progress === undefined ? '' : ` (${count(node.progress.moved)} moved)`
    lines.push(
      line(tone, `node ${shortId(node.id)} ${PART_WORDS[node.part]}${node.part === 'gone' ? moved : ''}`),
    )
  }
  if (job.forced > before.forced)
    lines.push(line('bad', `${many(job.forced - before.forced, 'client')} closed because their time was up`))
  return lines
}
