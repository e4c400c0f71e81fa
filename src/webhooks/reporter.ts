/**
 * Tells the store what this node holds: changes of a moment together, and again after a failure until they are there. Where the store has
 * lost what it knew, or others took this node for dead, everything is told anew.
 */
import { rankOf } from './happening.ts'
import type { Change, WebhookStore } from './store.ts'
import type { Clock, Timer } from '../clock.ts'
import { firstOf } from '../first-of.ts'
import { NodeWatch } from '../presence/node-watch.ts'

export interface ReporterOptions {
  /** How long nobody may hold something before it has ended. */
  readonly graceMs: number
  /** The same where this node sends its clients elsewhere, or has to report anew. */
  readonly movingGraceMs: number
  /** How often it is looked which nodes are gone; one is after two looks. */
  readonly lookMs: number
}

export interface ReporterPorts {
  readonly store: Pick<WebhookStore, 'report' | 'tend' | 'nodes' | 'bury'>
  readonly nodeId: string
  readonly clock: Clock
  /** The names of all that this node holds. */
  readonly held: () => Iterable<string>
  /** Whether its clients are being sent to other nodes. */
  moving(): boolean
  /** The ids of the nodes that are alive. Fails with `unavailable`. */
  readonly liveNodes: () => Promise<readonly string[]>
  readonly failed: (what: string, error: unknown) => void
}

/** What happens in a moment goes together. */
const GATHER_MS = 50
const TEND_MS = 1_000
const CHANGES_AT_ONCE = 500
const RETRY_MS = 1_000

export class Reporter {
  readonly #options: ReporterOptions
  readonly #ports: ReporterPorts
  readonly #watch = new NodeWatch()
  /** What the store has not been told, in the order in which it happened last. */
  readonly #changes = new Map<string, Change>()
  readonly #timers: Timer[] = []
  #gathering: Timer | undefined
  #version = 0
  /** The store does not know what this node holds. */
  #anew = false
  #tends = false
  #round: Promise<void> | undefined
  #closed = false

  constructor(options: ReporterOptions, ports: ReporterPorts) {
    this.#options = options
    this.#ports = ports
  }

  start(): void {
    const { clock, failed } = this.#ports
    const look = (): void =>
      void this.#look().catch((error: unknown) => failed('a look at who holds what', error))
    this.#timers.push(
      clock.every(TEND_MS, () => {
        this.#tends = true
        this.#go()
      }),
      clock.every(this.#options.lookMs, look),
    )
  }

  changed(key: string, held: boolean): void {
    if (this.#closed) return
    const { graceMs, movingGraceMs } = this.#options
    this.#changes.delete(key)
    this.#changes.set(key, { key, held, graceMs: this.#ports.moving() ? movingGraceMs : graceMs })
    this.#gathering ??= this.#ports.clock.after(GATHER_MS, () => this.#go())
  }

  /** Once the store knows what has changed by now, or could not be told. Never fails. */
  async settled(): Promise<void> {
    await this.#round
    if (this.#changes.size === 0) return
    this.#go()
    await this.#round
  }

  /** This node holds nothing any more: where nobody comes to hold it elsewhere, it ends. Never fails. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#gathering?.cancel()
    await this.#round
    const { store, nodeId, failed } = this.#ports
    try {
      await store.bury(nodeId, this.#options.movingGraceMs)
    } catch (error) {
      // Other nodes see that it is gone.
      failed('taking this node out of what is held', error)
    }
  }

  #go(): void {
    this.#gathering?.cancel()
    this.#gathering = undefined
    if (this.#round !== undefined || this.#closed) return
    this.#round = this.#tell()
      .then(() => this.#changes.size > 0 || this.#anew)
      .catch((error: unknown) => {
        this.#ports.failed('telling what this node holds', error)
        return true
      })
      .then((isMore) => {
        this.#round = undefined
        if (!isMore || this.#closed) return
        this.#gathering ??= this.#ports.clock.after(RETRY_MS, () => this.#go())
      })
  }

  async #tell(): Promise<void> {
    const { store, nodeId } = this.#ports
    if (this.#anew) await this.#beginAnew()
    while (this.#changes.size > 0 && !this.#anew && !this.#closed) {
      const changes = firstOf(this.#changes, CHANGES_AT_ONCE).toSorted(beginsInOrder)
      const version = this.#version + 1
      if (!(await store.report(nodeId, { after: this.#version, version, changes }))) {
        this.#anew = true
        return
      }
      this.#version = version
      for (const change of changes)
        if (this.#changes.get(change.key) === change) this.#changes.delete(change.key)
    }
    if (!this.#tends) return
    this.#tends = false
    if (!(await store.tend(nodeId, this.#version))) this.#anew = true
  }

  async #beginAnew(): Promise<void> {
    const { store, nodeId, held } = this.#ports
    const { movingGraceMs: graceMs } = this.#options
    await store.bury(nodeId, graceMs)
    this.#version = 0
    this.#anew = false
    this.#changes.clear()
    for (const key of held()) this.#changes.set(key, { key, held: true, graceMs })
  }

  /** Nodes that have gone without a word. Each node looks: what one has taken from it the others do not find. */
  async #look(): Promise<void> {
    const { store, nodeId, liveNodes } = this.#ports
    const [known, alive] = await Promise.all([store.nodes(), liveNodes()])
    for (const node of known) this.#watch.met(node)
    this.#watch.looked(new Set([...alive, nodeId]))
    for (const node of known)
      if (!this.#closed && this.#watch.gone(node)) await store.bury(node, this.#options.graceMs)
  }
}

function beginsInOrder(one: Change, other: Change): number {
  return one.held && other.held ? rankOf(one.key) - rankOf(other.key) : 0
}
