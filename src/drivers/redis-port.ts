/**
 * What passes between Redis and those who keep something in it.
 */

/** A script that the server keeps. All of a call's keys are of one hash slot. */
export interface RedisScript {
  /** Unique among all scripts of a link. */
  readonly name: string
  readonly lua: string
  /** Absent: the first argument of a call says how many keys it has. */
  readonly keyCount?: number
}

/**
 * Two connections, so that a large answer never delays a small one. What is sent on one of them is executed in the
 * order of the calls, as long as it concerns one hash slot.
 */
export type RedisLane = 'hot' | 'bulk'

/** What flows back. */
export interface RedisEvents {
  /** The server, or another server of a cluster or in its place, can be used: it may have lost what was written before. */
  connected(): void
  /** Calls fail from now on. */
  disconnected(reason: string): void
}

export type RedisArgument = string | number | Buffer
