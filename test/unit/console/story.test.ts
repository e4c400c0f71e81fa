import { describe, expect, it } from 'vitest'
import { NOTHING } from '../../../src/drain/tally.ts'
import type { JobView } from '../../../src/drain/job-view.ts'
import type { Forecast } from '../../../src/drain/job-making.ts'
import type { NodeInfo } from '../../../src/registry/registry.ts'
import type {
  ClusterShown,
  ForecastShown,
  JobShown,
  NodeShown,
} from '../../../src/console/operator/shapes.ts'
import { clusterLines, jobLines, withLines, type Line } from '../../../src/console/operator/story.ts'
import { traceText, type TraceEvent } from '../../../src/console/operator/trace-words.ts'
import { duration, endText, many, proofText } from '../../../src/console/operator/words.ts'

/** What the console reads is what the gateway says: the compiler holds one against the other. */
const _node = (node: NodeInfo): NodeShown => node
const _job = (job: JobView): JobShown => job
const _forecast = (forecast: Forecast): ForecastShown => forecast
void [_node, _job, _forecast]

const NODE: NodeShown = {
  id: '10cbdcf4aaaa',
  version: '1.4.0',
  region: 'eu',
  role: 'all',
  state: 'active',
  startedAt: 1,
  connections: 1204,
  pressure: 0,
  address: '10.0.0.5:8081',
  rates: { connects: 0, published: 1, delivered: 2 },
  service: { lagMs: 1, repaired: 0, replayed: 0, resets: 0 },
  degraded: [],
}
const CLUSTER: ClusterShown = { nodes: [NODE], target: { version: '1.4.0' }, cordons: [] }
const JOB: JobShown = {
  ...NOTHING,
  id: 'drain-1a2b',
  kind: 'drain',
  state: 'running',
  by: 'ops',
  what: 'version 1.4.*',
  at: 1000,
  plan: '10m',
  parallel: 1,
  nodes: [{ id: NODE.id, region: 'eu', version: '1.4.0', clients: 1204, part: 'waiting' }],
  transports: {},
  total: 1204,
  remaining: 1204,
  ratePerSecond: 0,
  elapsedMs: 0,
}

const withNode = (more: Partial<NodeShown>): ClusterShown => ({ ...CLUSTER, nodes: [{ ...NODE, ...more }] })
const told = (after: ClusterShown, before: ClusterShown | undefined = CLUSTER): string[] =>
  clusterLines(before, after, 5).map(({ tone, text }) => `${tone}: ${text}`)
const toldOf = (more: Partial<JobShown>, before: JobShown | undefined = JOB): string[] =>
  jobLines(before, { ...JOB, ...more }, 5).map(({ tone, text }) => `${tone}: ${text}`)

describe('the story of the cluster', () => {
  it('begins with what there is, and tells nothing while nothing changes', () => {
    expect(clusterLines(undefined, CLUSTER, 5)).toMatchObject([
      { text: 'You look at 1 node with 1,204 clients; clients go to version 1.4.0' },
    ])
    expect(told(CLUSTER)).toEqual([])
  })

  it('tells who comes, drains and goes, and that a node vanished with its clients', () => {
    const other = { ...NODE, id: 'ffff0000', version: '1.5.0' }
    expect(told({ ...CLUSTER, nodes: [NODE, other] })).toEqual([
      'good: Node ffff0000 (1.5.0) has joined in eu',
    ])
    expect(told(withNode({ state: 'draining' }))).toEqual([
      'plain: Node 10cbdcf4 (1.4.0) drains: 1,204 clients are to go elsewhere',
    ])
    const none = { ...CLUSTER, nodes: [] }
    expect(told(none, withNode({ state: 'draining', connections: 0 }))).toEqual([
      'plain: Node 10cbdcf4 (1.4.0) has gone',
    ])
    expect(told(none)).toEqual([
      'bad: Node 10cbdcf4 (1.4.0) has vanished with 1,204 clients: they come back to the other nodes by themselves',
    ])
  })

  it('takes nobody for gone while the registry is silent, and says that it is', () => {
    expect(told({ ...CLUSTER, nodes: [], stale: true })).toEqual([
      'bad: The registry does not answer: this is what the node knew last',
    ])
    expect(told(CLUSTER, { ...CLUSTER, stale: true })).toEqual(['good: The registry answers again'])
  })

  it('tells what a node is without, that it is full, and when that is over', () => {
    const ill = withNode({ degraded: ['backbone'], pressure: 1 })
    expect(told(ill)).toEqual([
      'bad: Node 10cbdcf4 (1.4.0) does not hear the other nodes (NATS)',
      'held: Node 10cbdcf4 (1.4.0) queues new connections: it has all that it can take',
    ])
    expect(told(CLUSTER, ill)).toEqual([
      'good: Node 10cbdcf4 (1.4.0) is well again (backbone)',
      'good: Node 10cbdcf4 (1.4.0) takes new connections at once again',
    ])
  })

  it('tells where clients go, and what is kept out', () => {
    const cordons = [{ kind: 'version', what: '1.4.*', by: 'ops' } as const]
    const after = { ...CLUSTER, target: { version: '1.3.9', by: 'ops' }, cordons }
    expect(told(after)).toEqual([
      'plain: Clients go to version 1.3.9 now, as ops has said',
      'held: ops keeps out version 1.4.*',
    ])
    expect(told(CLUSTER, after)).toEqual([
      'plain: Clients go to version 1.4.0 now',
      'plain: version 1.4.* is let in again',
    ])
  })

  it('counts repairs together instead of telling each, and takes a node that began anew for no repair', () => {
    const repaired = (count: number): ClusterShown =>
      withNode({ service: { lagMs: 0, replayed: 0, resets: 0, repaired: count } })
    const first = clusterLines(CLUSTER, repaired(2), 1000)
    const second = clusterLines(repaired(2), repaired(5), 2000)
    expect(withLines(withLines([], first), second)).toEqual([
      {
        at: 1000,
        tone: 'good',
        text: '5 holes in channels were filled from the log: nobody missed anything',
        sum: { kind: 'repaired', count: 5 },
      },
    ])
    expect(told(repaired(0), repaired(5))).toEqual([])
  })

  it('is bounded, the newest first', () => {
    let story: readonly Line[] = []
    for (let at = 0; at < 500; at++) story = withLines(story, [{ at, tone: 'plain', text: String(at) }])
    expect(story.length).toBe(200)
    expect(story[0]?.at).toBe(499)
  })
})

describe('the story of a drain', () => {
  it('begins with who wants what, how fast, and why', () => {
    expect(
      jobLines(undefined, { ...JOB, reason: 'a bad build', holding: 'no other node is active' }, 5),
    ).toEqual([
      {
        at: 1000,
        tone: 'plain',
        text: 'ops began to drain version 1.4.*: 1,204 clients, plan 10m: “a bad build”',
      },
      { at: 5, tone: 'held', text: 'drain-1a2b: held: no other node is active' },
    ])
  })

  it('tells what holds it and why, and when that is over', () => {
    const holding = 'node b is at its limit of 60 connections'
    expect(toldOf({ holding })).toEqual([`held: drain-1a2b: held: ${holding}`])
    expect(toldOf({}, { ...JOB, holding })).toEqual([
      'good: drain-1a2b: what held it is over; it moves clients again',
    ])
    expect(toldOf({ state: 'paused' })).toEqual(['held: drain-1a2b: paused by an operator'])
  })

  it('tells whose turn it is, who died, and who was cut off', () => {
    const part = (name: JobShown['nodes'][number]['part']): JobShown['nodes'] => [
      { ...(JOB.nodes[0] as JobShown['nodes'][number]), part: name },
    ]
    expect(toldOf({ nodes: part('moving') })).toEqual(['plain: drain-1a2b: node 10cbdcf4 moves its clients'])
    expect(toldOf({ nodes: part('lost') })).toEqual([
      'bad: drain-1a2b: node 10cbdcf4 died while it moved clients',
    ])
    expect(toldOf({ forced: 3 })).toEqual(['bad: drain-1a2b: 3 clients closed because their time was up'])
  })

  it('ends with the proof', () => {
    const done = { ...JOB, state: 'done', told: 1204, moved: 1204, resumed: 1200, replayed: 312 } as const
    const gaps = { count: 9, p50Ms: 1, p95Ms: 2, p99Ms: 3, maxMs: 412 }
    expect(endText({ ...done, gaps, elapsedMs: 123_000 })).toBe(
      'Drain of version 1.4.* is done after 2 min 3 s: 1,204 of 1,204 clients moved; 1,200 of them went on exactly where they were; ' +
        '312 messages that they had missed meanwhile were repaired; the longest was without a connection for 412 ms; nobody was cut off.',
    )
    expect(proofText({ ...done, moved: 1201, forced: 2, unseen: 1 })).toContain(
      '2 were closed because their time was up; 1 were told and have not been seen since',
    )
    expect(proofText(JOB)).toBe('nobody had to move')
  })
})

describe('words', () => {
  it.each([
    [412, '412 ms'],
    [1500, '1.5 s'],
    [59_600, '60 s'],
    [123_000, '2 min 3 s'],
    [600_000, '10 min'],
    [7_380_000, '2 h 3 min'],
  ])('%i ms is %s', (ms, words) => expect(duration(ms)).toBe(words))

  it('one is one', () => {
    expect([many(1, 'client'), many(2, 'client')]).toEqual(['1 client', '2 clients'])
  })
})

describe('an event of the flight recorder', () => {
  it.each<[string, TraceEvent]>([
    [
      'connected by sse, and went on with the session',
      { type: 'connected', transport: 'sse', resumed: true },
    ],
    [
      'got news #7, written after 3 ms',
      { type: 'delivered', channel: 'news', offset: 7, published: 5, written: 8 },
    ],
    [
      'got news #8 (repaired: it had missed it): {"a":1}',
      { type: 'delivered', channel: 'news', offset: 8, live: false, data: { a: 1 } },
    ],
    [
      'was told to fetch news #9 anew: trimmed',
      { type: 'reset', channel: 'news', offset: 9, reason: 'trimmed' },
    ],
    ['connection ended: drained (1012)', { type: 'closed', why: 'drained', code: 1012 }],
    ['something new {"value":1}', { type: 'something new', at: 1, node: 'a', value: 1 }],
  ])('is told as: %s', (text, event) => expect(traceText(event)).toBe(text))
})
