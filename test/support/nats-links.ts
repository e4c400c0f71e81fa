import { patientMs } from './patience.ts'
import type { NatsEvents } from '../../src/drivers/nats-port.ts'
import { NatsLink } from '../../src/drivers/nats.ts'
import { SluiceError } from '../../src/errors.ts'
import type { NatsServer } from './nats-server.ts'

export const NATS_PATIENCE_MS = patientMs(30_000)

/** A link that is connected. */
export async function openNats(url: string, events?: NatsEvents): Promise<NatsLink> {
  const link = new NatsLink({ urls: [url], name: 'test' })
  if (events !== undefined) link.watch(events)
  link.start()
  await link.flush(NATS_PATIENCE_MS)
  return link
}

/**
 * Tells when a whole cluster knows of a subscription; a server confirms one before its neighbours know. It answers
 * from each server: between two servers everything goes one way, so an answer comes from a server that has heard of
 * all subscriptions before the question.
 */
export class NatsEchoes {
  readonly #links: readonly NatsLink[]

  private constructor(links: readonly NatsLink[]) {
    this.#links = links
  }

  static async open(servers: readonly NatsServer[]): Promise<NatsEchoes> {
    const links = await Promise.all(servers.map(({ url }) => openNats(url)))
    for (const [i, link] of links.entries()) {
      link.subscribe(`echo.${i}`, {}, (_subject, data, reply) => void link.respond(reply, data))
    }
    await Promise.all(links.map((link) => link.flush()))
    return new NatsEchoes(links)
  }

  /** Resolves once every server knows what `link` is subscribed to. */
  async heard(link: NatsLink): Promise<void> {
    const until = Date.now() + NATS_PATIENCE_MS
    await Promise.all(
      this.#links.map(async (_, i) => {
        for (;;) {
          try {
            await link.request(`echo.${i}`, new Uint8Array(0), NATS_PATIENCE_MS)
            return
          } catch (error) {
            // The way to that echo is not known yet either.
            if (!(error instanceof SluiceError) || Date.now() > until) throw error
          }
        }
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()))
  }
}
