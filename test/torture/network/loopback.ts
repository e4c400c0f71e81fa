/**
 * The network of a run where this process is not root: all hosts are addresses of loopback, and gateways and clients reach servers through
 * proxies that cut one way. What servers say among themselves goes past them, so not every lie can be told.
 */
import { Random } from '../../fuzz/random.ts'
import type { Network } from './network.ts'
import { Gate, OneWayProxy } from './one-way-proxy.ts'
import { pairKey, type LinkRules } from './rule.ts'

/** Who is reached by whom through a proxy, and on which ports. */
export interface Passage {
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly ports: readonly number[]
}

/** 127.64.0.0 and above: nobody else listens there. One network for each run on a machine. */
const FIRST_NETWORK = 64
const NETWORKS = 128
const THEMSELVES = 200

export class Loopback implements Network {
  readonly #hosts: readonly string[]
  readonly #network: number
  readonly #gates = new Map<string, Gate>()
  readonly #proxies: OneWayProxy[] = []
  readonly #passages: readonly Passage[]
  readonly #random: Random

  private constructor(hosts: readonly string[], passages: readonly Passage[], seed: number) {
    this.#hosts = hosts
    this.#passages = passages
    this.#random = new Random(seed)
    this.#network = FIRST_NETWORK + (process.pid % NETWORKS)
  }

  /** Why there can be none here, or nothing. */
  static hindrance(): string | undefined {
    return process.platform === 'linux' ? undefined : 'only Linux has a whole network of loopback addresses'
  }

  static async create(
    hosts: readonly string[],
    passages: readonly Passage[],
    seed: number,
  ): Promise<Loopback> {
    const made = new Loopback(hosts, passages, seed)
    try {
      for (const passage of passages) await made.#open(passage)
    } catch (error) {
      await made.close()
      throw error
    }
    return made
  }

  address(host: string, seenBy = host): string {
    const through = this.#passages.some(({ from, to }) => from.includes(seenBy) && to.includes(host))
    const viewer = through ? this.#hosts.indexOf(seenBy) + 1 : THEMSELVES
    return `127.${this.#network}.${viewer}.${this.#hosts.indexOf(host) + 1}`
  }

  hostAt(address: string): string | undefined {
    return this.#hosts.find((host) => this.address(host) === address)
  }

  on(_host: string, command: readonly string[]): string[] {
    return [...command]
  }

  mount(): void {
    // Only root makes disks; faults that need one are not for loopback.
  }

  lie(rules: readonly LinkRules[]): Promise<void> {
    for (const [key, gate] of this.#gates) {
      const mine = rules.filter(({ from, to }) =>
        from.some((sender) => to.some((receiver) => pairKey(sender, receiver) === key)),
      )
      const sum = (of: (rule: LinkRules['rule']) => number): number =>
        mine.reduce((total, { rule }) => total + of(rule), 0)
      gate.set(
        mine.some(({ rule }) => rule.loss === 1),
        sum(({ delayMs = 0 }) => delayMs),
        sum(({ jitterMs = 0 }) => jitterMs),
      )
    }
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.close()))
  }

  async #open({ from, to, ports }: Passage): Promise<void> {
    const chance = (): number => this.#random.next() / 2 ** 32
    for (const viewer of from) {
      for (const host of to) {
        const [there, back] = [new Gate(chance), new Gate(chance)]
        this.#gates.set(pairKey(viewer, host), there)
        this.#gates.set(pairKey(host, viewer), back)
        for (const port of ports) {
          const proxy = new OneWayProxy({ host: this.address(host), port }, there, back)
          this.#proxies.push(proxy)
          await proxy.listen({ host: this.address(host, viewer), port })
        }
      }
    }
  }
}

/** Whether all that a rule cuts or delays goes through these passages. */
export function canTell(passages: readonly Passage[], { from, to, rule }: LinkRules): boolean {
  if ((rule.loss ?? 1) !== 1 || rule.bytesPerSecond !== undefined) return false
  const passes = (one: string, other: string): boolean =>
    passages.some((passage) => passage.from.includes(one) && passage.to.includes(other))
  return from.every((one) => to.every((other) => passes(one, other) || passes(other, one)))
}
