/**
 * What comes over the wire, as far as the console reads it. test/unit/console/story.test.ts holds it against what the gateway
 * has.
 */

export interface NodeShown {
  readonly id: string
  readonly version: string
  readonly region: string
  readonly role: string
  readonly state: 'starting' | 'active' | 'cordoned' | 'draining' | 'closing'
  readonly startedAt: number
  readonly connections: number
  readonly connectionsMax?: number
  readonly pressure: number
  readonly address: string
  readonly rates: { readonly connects: number; readonly published: number; readonly delivered: number }
  readonly service?: {
    readonly lagMs: number
    readonly latencyMs?: { readonly p50: number; readonly p99: number }
    readonly repaired: number
    readonly replayed: number
    readonly resets: number
  }
  readonly degraded: readonly string[]
}

export interface CordonShown {
  readonly kind: 'version' | 'address'
  readonly what: string
  readonly by: string
}

export interface ClusterShown {
  readonly nodes: readonly NodeShown[]
  readonly stale?: boolean
  readonly target: { readonly version: string; readonly by?: string }
  readonly cordons: readonly CordonShown[]
}

export interface CountsShown {
  readonly told: number
  readonly moved: number
  readonly resumed: number
  readonly forced: number
  readonly returned: number
  readonly unseen: number
  readonly replayed: number
  readonly overlapped: number
  readonly gaps?: { readonly p50Ms: number; readonly p95Ms: number; readonly maxMs: number }
}

export type JobPart = 'waiting' | 'called' | 'moving' | 'gone' | 'stayed' | 'left' | 'lost' | 'silent'

export interface JobNodeShown {
  readonly id: string
  readonly region: string
  readonly version: string
  readonly clients: number
  readonly part: JobPart
  readonly progress?: { readonly remaining: number; readonly total: number } & CountsShown
}

interface JobBase {
  readonly id: string
  readonly kind: 'drain' | 'rebalance'
  readonly state: 'running' | 'paused' | 'done' | 'cancelled'
  readonly by: string
  readonly reason?: string
  readonly what: string
  readonly to?: string
  readonly target?: string
  readonly at: number
  readonly endedAt?: number
  readonly plan: string
  readonly parallel: number
}

export interface JobShown extends JobBase, CountsShown {
  readonly nodes: readonly JobNodeShown[]
  readonly transports: Readonly<Partial<Record<'websocket' | 'sse' | 'poll', CountsShown>>>
  readonly total: number
  readonly remaining: number
  readonly ratePerSecond: number
  readonly movesPerClient?: number
  readonly holding?: string
  readonly elapsedMs: number
  readonly remainingMs?: number
  readonly deadlineInMs?: number
}

export interface ListedJobShown extends JobBase {
  readonly nodes: readonly Pick<JobNodeShown, 'id' | 'part'>[]
}

export interface JobsShown {
  readonly running?: readonly JobShown[]
  readonly ended?: readonly ListedJobShown[]
  /** The registry does not answer, and why. */
  readonly unavailable?: string
}

export interface ForecastShown {
  readonly total: number
  readonly takesMs: number
  readonly deadlineMs?: number
  readonly takers: readonly {
    readonly id: string
    readonly version: string
    readonly region: string
    readonly connections: number
    readonly room?: number
  }[]
  readonly inTheWay: readonly string[]
}

export interface ChannelShown {
  readonly channel: string
  readonly position?: { readonly epoch: string; readonly offset: number }
  readonly subscribers: {
    readonly local: number
    readonly cluster: number
    readonly silent?: readonly string[]
  }
  readonly presence?: readonly string[]
}

export interface UserShown {
  readonly user: string
  readonly sessions: readonly { readonly session: string; readonly node: string }[]
}
