/** What a fault is, and the hosts that it may concern. */
import type { LinkRule } from './network/rule.ts'

export const GATEWAYS = ['g1', 'g2', 'g3'] as const
export const NATS_SERVERS = ['n1', 'n2', 'n3'] as const
export const REDIS_SERVERS = ['r1', 'r2'] as const
export const SENTINELS = ['s1', 's2', 's3'] as const
export const CLIENTS = 'c1'

/** Parts in a fault. In the singular: one that was drawn; `other…`: all of the kind but that one. */
export type Role =
  | 'gateway'
  | 'other gateways'
  | 'all gateways'
  | 'nats'
  | 'other nats'
  | 'all nats'
  | 'primary'
  | 'replica'
  | 'all redis'
  | 'sentinel'
  | 'other sentinels'
  | 'all sentinels'
  | 'clients'

export interface Lie {
  readonly from: readonly Role[]
  readonly to: readonly Role[]
  readonly rule: LinkRule
  /** Also on the way back. */
  readonly bothWays?: true
}

export type Deed =
  /** They keep their connections and do nothing; on healing they go on. */
  | { readonly do: 'freeze'; readonly whom: readonly Role[] }
  /** Started again on healing. */
  | { readonly do: 'kill'; readonly whom: readonly Role[] }
  /** Killed and started again at once. */
  | { readonly do: 'restart'; readonly whom: readonly Role[] }
  /** SIGTERM: it moves its clients and ends. Started again on healing. */
  | { readonly do: 'drain'; readonly whom: readonly Role[] }
  /** Half of its clients are moved away; it stays. */
  | { readonly do: 'rebalance'; readonly whom: readonly Role[] }
  | { readonly do: 'fail over' }
  /** On healing there is room again, and they are started again. */
  | { readonly do: 'fill the disk'; readonly whom: readonly Role[] }
  /** `maxmemory` is set to what it uses and so much more; on healing to no limit. */
  | { readonly do: 'limit Redis'; readonly policy: 'noeviction' | 'allkeys-lru'; readonly spareBytes: number }
  | { readonly do: 'repeat to Redis'; readonly command: readonly string[]; readonly everyMs: number }
  | { readonly do: 'tell the primary'; readonly command: readonly string[] }
  /** The clock jumps by so much, and back on healing. */
  | { readonly do: 'move the clock'; readonly whom: readonly Role[]; readonly bySeconds: number }

export interface Fault {
  readonly name: string
  readonly what: string
  readonly lies?: readonly Lie[]
  readonly deeds?: readonly Deed[]
  /** At least and at most. Default: `DEFAULT_SECONDS`. */
  readonly seconds?: readonly [number, number]
  readonly needs?: 'sentinels'
  /** May come together with another one. */
  readonly joins?: true
  /** The log of durable channels ends with it. */
  readonly endsDurableLogs?: true
}

export const DEFAULT_SECONDS: readonly [number, number] = [5, 14]
