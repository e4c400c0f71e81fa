/**
 * How the node is, for whoever decides about it:
 *
 *  - `live`: shall it be restarted? Only where its event loop is stuck. A restart takes every connection along, so nothing
 *    that a restart does not mend counts: neither Redis nor NATS being away.
 *  - `ready`: shall it get new connections? Where it is active, no probe is `failing`, and it does not yield to others.
 *  - `started`: has it ever been ready? Until then nobody asks the other two.
 *  - `deep`: everything that the probes say.
 *
 * Probes run in the background and their answers are kept: a health check that waits for a store that hangs would hang
 * too, and one that asks it for every balancer would load it.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Log } from './log.ts'
import type { NodeState } from '../protocol/states.ts'

/**
 * `degraded`: less than whole, but clients are served. `failing`: new connections are better off elsewhere.
 * A part that all nodes share must never be `failing`: all of them would leave the balancer together.
 */
export type PartStatus = 'ok' | 'degraded' | 'failing'

export interface ProbeResult {
  readonly status: PartStatus
  /** One sentence for an operator, where the status is not `ok`. Never a secret. */
  readonly detail?: string
}

export type Probe = () => ProbeResult | Promise<ProbeResult>

export interface Verdict {
  readonly ok: boolean
  /** Why not; `ok` otherwise. */
  readonly reason: string
}

export interface PartReport extends ProbeResult {
  /** Since when the status has been this, in milliseconds since 1970. */
  readonly since: number
}

export interface DeepReport {
  /** The worst of the parts. */
  readonly status: PartStatus
  readonly state: NodeState
  /** When the probes were last asked, in milliseconds since 1970; 0 before the first time. */
  readonly checkedAt: number
  readonly parts: Readonly<Record<string, PartReport>>
}

export interface HealthOptions {
  readonly intervalMs: number
  /** A probe that takes longer has not answered. */
  readonly probeTimeoutMs: number
  /** Far beyond any load: only a stuck process is mended by a restart. */
  readonly stuckLagMs: number
}

export interface HealthPorts {
  readonly clock: Pick<Clock, 'now' | 'after' | 'every'>
  readonly log: Log
  /** The lag of the event loop. */
  lagMs(): number
}

export const HEALTH_DEFAULTS: HealthOptions = { intervalMs: 2000, probeTimeoutMs: 1500, stuckLagMs: 10_000 }

const RANK: Readonly<Record<PartStatus, number>> = { ok: 0, degraded: 1, failing: 2 }
const OK: Verdict = { ok: true, reason: 'ok' }

export function worstOf(statuses: Iterable<PartStatus>): PartStatus {
  let worst: PartStatus = 'ok'
  for (const status of statuses) if (RANK[status] > RANK[worst]) worst = status
  return worst
}

/** `why`: for a state that operators have brought about. */
export function readiness(
  state: NodeState,
  parts: Readonly<Record<string, ProbeResult>>,
  why?: string,
): Verdict {
  if (state !== 'active')
    return { ok: false, reason: `the node is ${state}${why === undefined ? '' : `: ${why}`}` }
  for (const [name, { status, detail }] of Object.entries(parts)) {
    if (status === 'failing') return { ok: false, reason: `${name}: ${detail ?? 'failing'}` }
  }
  return OK
}

export class Health {
  readonly #options: HealthOptions
  readonly #ports: HealthPorts
  readonly #probes = new Map<string, Probe>()
  readonly #parts = new Map<string, PartReport>()
  #state: NodeState = 'starting'
  #wasActive = false
  #cordon: string | undefined
  #yields: () => string | undefined = () => undefined
  #checkedAt = 0
  #checking: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(options: HealthOptions, ports: HealthPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Adds a part. Until the first check it counts as `degraded`. */
  register(name: string, probe: Probe): void {
    if (this.#probes.has(name)) throw new Error(`a probe named ${name} is registered already`)
    this.#probes.set(name, probe)
    this.#parts.set(name, { status: 'degraded', detail: 'not checked yet', since: this.#ports.clock.now() })
  }

  /** Checks once, then at the interval. Resolves after the first check. */
  start(): Promise<void> {
    this.#timer ??= this.#ports.clock.every(this.#options.intervalMs, () => void this.check())
    return this.check()
  }

  /** Idempotent. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  get state(): NodeState {
    return this.#state === 'active' && this.#cordon !== undefined ? 'cordoned' : this.#state
  }

  become(state: NodeState): void {
    this.#state = state
    if (state === 'active') this.#wasActive = true
  }

  /** Kept out by operators, and by which order; `undefined`: not any more. It counts where the node would be active. */
  cordon(why: string | undefined): void {
    this.#cordon = why
  }

  /** Asked at each answer: why new connections are better off elsewhere, though nothing is wrong with the node. */
  yieldsWhile(why: () => string | undefined): void {
    this.#yields = why
  }

  /** Asks every probe; one check at a time. Never fails: a probe that does is a finding. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  live(): Verdict {
    const lagMs = this.#ports.lagMs()
    if (lagMs <= this.#options.stuckLagMs) return OK
    return { ok: false, reason: `the event loop is ${Math.round(lagMs)} ms late` }
  }

  ready(): Verdict {
    const { state } = this
    const verdict = readiness(
      state,
      Object.fromEntries(this.#parts),
      state === 'cordoned' ? this.#cordon : undefined,
    )
    const reason = verdict.ok ? this.#yields() : undefined
    return reason === undefined ? verdict : { ok: false, reason }
  }

  started(): Verdict {
    return this.#wasActive ? OK : { ok: false, reason: `the node is ${this.#state}` }
  }

  deep(): DeepReport {
    return {
      status: worstOf([...this.#parts.values()].map(({ status }) => status)),
      state: this.state,
      checkedAt: this.#checkedAt,
      parts: Object.fromEntries(this.#parts),
    }
  }

  async #check(): Promise<void> {
    await Promise.all(
      [...this.#probes].map(async ([name, probe]) => this.#found(name, await this.#answerOf(probe))),
    )
    this.#checkedAt = this.#ports.clock.now()
  }

  /** What cannot be found out is `degraded`, not `failing`: a probe's own fault must not take nodes out of service. */
  async #answerOf(probe: Probe): Promise<ProbeResult> {
    const { probeTimeoutMs } = this.#options
    let timer: Timer | undefined
    const late = new Promise<ProbeResult>((resolve) => {
      timer = this.#ports.clock.after(probeTimeoutMs, () =>
        resolve({ status: 'degraded', detail: `no answer within ${probeTimeoutMs} ms` }),
      )
    })
    try {
      return await Promise.race([probe(), late])
    } catch (error) {
      return { status: 'degraded', detail: error instanceof Error ? error.message : 'the probe failed' }
    } finally {
      timer?.cancel()
    }
  }

  #found(name: string, result: ProbeResult): void {
    const before = this.#parts.get(name)
    const changed = before?.status !== result.status || this.#checkedAt === 0
    const since = changed || before === undefined ? this.#ports.clock.now() : before.since
    this.#parts.set(name, { ...result, since })
    if (!changed) return
    const fields = { part: name, ...result }
    if (result.status !== 'ok') this.#ports.log.warn(fields, 'a part of the node is not well')
    else if (this.#checkedAt > 0) this.#ports.log.info(fields, 'a part of the node is well again')
  }
}
