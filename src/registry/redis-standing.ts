/**
 * What backends have put users on, in Redis: a set for each user who is on something.
 */
import {
  CHANGE_TTL_MS,
  STANDING_MAX,
  STANDING_TTL_MS,
  type Orders,
  type Standing,
  type StandingWish,
} from './registry.ts'
import { RedisOrders } from './redis-orders.ts'
import { registryScript, texts, type Run } from './redis-scripts.ts'
import { standingIn, standingTexts, tooMuchStanding } from './standing.ts'
import type { RedisScript } from '../drivers/redis-port.ts'

const PUT_ON = registryScript('put-on', 1)
const TAKE_OFF = registryScript('take-off', 1)
const STANDING = registryScript('standing', 1)
export const STANDING_SCRIPTS: readonly RedisScript[] = [PUT_ON, TAKE_OFF, STANDING]

export class RedisStanding {
  readonly #run: Run
  /** Apart from revocations: there may be many more of these, and none of those may be forgotten for it. */
  readonly #changes: RedisOrders
  readonly #keyOf: (user: string) => string

  constructor(run: Run, prefix: string, keyOf: (user: string) => string) {
    this.#run = run
    this.#changes = new RedisOrders(run, `${prefix}:standing`)
    this.#keyOf = keyOf
  }

  async putOn(user: string, wish: StandingWish): Promise<void> {
    const args = [this.#keyOf(user), STANDING_TTL_MS, STANDING_MAX, ...standingTexts(wish)]
    if ((await this.#run('hot', PUT_ON, args)) === 0) throw tooMuchStanding(user)
    await this.#changed(user)
  }

  async takeOff(user: string, { channels, session = '' }: StandingWish): Promise<void> {
    await this.#run('hot', TAKE_OFF, [this.#keyOf(user), STANDING_TTL_MS, session, ...channels])
    await this.#changed(user)
  }

  /** Orders since a moment, with the users for whom something was changed. */
  async withChanges(sinceMs: number, orders: ReturnType<RedisOrders['since']>): Promise<Orders> {
    const [others, { complete, disconnected }] = await Promise.all([orders, this.#changes.since(sinceMs)])
    return { ...others, changed: complete ? new Set(disconnected.keys()) : undefined }
  }

  async of(user: string): Promise<readonly Standing[]> {
    return standingOf((await this.#run('hot', STANDING, [this.#keyOf(user)])) as Buffer[])
  }

  async #changed(user: string): Promise<void> {
    await this.#changes.add('disconnected', user, 0, CHANGE_TTL_MS)
  }
}

/** As scripts answer it. */
export function standingOf(members: readonly Buffer[]): readonly Standing[] {
  return texts(members).map(standingIn)
}
