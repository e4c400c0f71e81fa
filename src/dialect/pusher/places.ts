/**
 * Whether an app has room for one more client, of those on all nodes together.
 *
 *  P1 while it is known how many there are elsewhere, nobody waits: the number is asked for again beside that
 *  P2 nobody is turned away by a number that was known before he came: those who would be wait for one answer together
 *  P3 the others are asked a few times in a second at most, however many come
 *  P4 where the others cannot be asked, those of this node are counted alone, and it is said
 */
import { appName, type App } from './apps.ts'
import type { Clock } from '../../clock.ts'

export interface PlacesPorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
  /** How many clients the apps of these names (`appName`) have in the whole cluster; one that is not in the answer has none. */
  readonly count: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>
  readonly failed: (what: string, error: unknown) => void
}

interface Known {
  /** Clients at other nodes. */
  elsewhere: number
  atMs: number
  askedAtMs: number
  asking: Promise<void> | undefined
  /** The others have the question: who comes now is not in what they answer. */
  sent: boolean
}

/** Older than this it is asked for again, */
const ASK_AGAIN_MS = 1_000
/** and older than this it is worth nothing. */
const KNOWN_MS = 3_000
/** Between two questions. */
const PAUSE_MS = 250

export class Places {
  readonly #ports: PlacesPorts
  readonly #known = new Map<App, Known>()

  constructor(ports: PlacesPorts) {
    this.#ports = ports
  }

  /** Takes a place, which `leave` gives back; false: there is none. Never fails. */
  take(app: App): boolean | Promise<boolean> {
    const { connections: most } = app.limits
    if (most === 0) return taken(app, Infinity)
    if (app.connections >= most) return false
    const known = this.#known.get(app) ?? {
      elsewhere: 0,
      atMs: -Infinity,
      askedAtMs: -Infinity,
      asking: undefined,
      sent: false,
    }
    this.#known.set(app, known)
    const ageMs = this.#ports.clock.monotonicMs() - known.atMs
    if (ageMs < KNOWN_MS && taken(app, most - known.elsewhere)) {
      if (ageMs >= ASK_AGAIN_MS) void this.#ask(app, known)
      return true
    }
    return this.#waitFor(app, known, most)
  }

  leave(app: App): void {
    app.connections--
  }

  async #waitFor(app: App, known: Known, most: number): Promise<boolean> {
    if (known.asking !== undefined && known.sent) {
      await known.asking
      // It was asked before this one came, who may be counted in it where he was until now: it lets in, but turns nobody away.
      if (taken(app, most - known.elsewhere)) return true
    }
    await this.#ask(app, known)
    return taken(app, most - known.elsewhere)
  }

  #ask(app: App, known: Known): Promise<void> {
    known.asking ??= this.#asked(app, known).finally(() => (known.asking = undefined))
    return known.asking
  }

  async #asked(app: App, known: Known): Promise<void> {
    const { clock, count, failed } = this.#ports
    const name = appName(app)
    const restMs = known.askedAtMs + PAUSE_MS - clock.monotonicMs()
    if (restMs > 0) await new Promise<void>((resolve) => void clock.after(restMs, resolve))
    known.askedAtMs = clock.monotonicMs()
    known.sent = true
    try {
      const here = app.connections
      const counts = await count([name])
      // Of those of this node some may have come while the others were asked.
      known.elsewhere = Math.max(0, (counts.get(name) ?? 0) - here)
      known.atMs = clock.monotonicMs()
    } catch (error) {
      known.elsewhere = 0
      failed('counting the clients of an app', error)
    } finally {
      known.sent = false
    }
  }
}

function taken(app: App, most: number): boolean {
  if (app.connections >= most) return false
  app.connections++
  return true
}
