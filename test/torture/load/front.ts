/** The load balancer in front of the gateways, as those that are deployed: who is not ready gets no new connections. */
import { Balancer } from '../../support/balancer.ts'
import { patientMs } from '../../support/patience.ts'
import { API_PORT, PORT } from '../layout.ts'

const CHECK_EVERY_MS = 500
const CHECK_MS = patientMs(1500)
const FAILURES = 2
const CONNECT_MS = patientMs(2000)
/** More than twice as long as an idle stream is silent. */
const IDLE_MS = 12_000

export class Front {
  readonly #balancer: Balancer
  readonly #gateways: readonly string[]
  readonly #failures = new Map<string, number>()
  #closed = false

  private constructor(gateways: readonly string[]) {
    this.#gateways = gateways
    this.#balancer = new Balancer(this.#targets(), { connectMs: CONNECT_MS, idleMs: IDLE_MS })
  }

  static async open(gateways: readonly string[]): Promise<Front> {
    const front = new Front(gateways)
    await front.#balancer.listen()
    for (const gateway of gateways) void front.#watch(gateway)
    return front
  }

  get port(): number {
    return this.#balancer.port
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#balancer.close()
  }

  #targets(): { readonly host: string; readonly port: number }[] {
    const well = this.#gateways.filter((gateway) => (this.#failures.get(gateway) ?? 0) < FAILURES)
    // Where nobody is well, somebody may serve all the same.
    return (well.length > 0 ? well : this.#gateways).map((host) => ({ host, port: PORT }))
  }

  async #watch(gateway: string): Promise<void> {
    while (!this.#closed) {
      const well = await isReady(gateway)
      this.#failures.set(gateway, well ? 0 : (this.#failures.get(gateway) ?? 0) + 1)
      this.#balancer.targets = this.#targets()
      await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS))
    }
  }
}

async function isReady(gateway: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${gateway}:${API_PORT}/readyz`, {
      signal: AbortSignal.timeout(CHECK_MS),
    })
    await answer.arrayBuffer()
    return answer.status === 200
  } catch {
    // Dead, cut off or frozen: whatever it is, it is not ready.
    return false
  }
}
