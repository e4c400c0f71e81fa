/**
 * The HTTP API that backends call with a library of Pusher: signed by a secret of the app, JSON in and out.
 */
import type { App, Apps } from './apps.ts'
import { readBatch, readEvent, type EventLimits, type PusherEvent } from './publishing.ts'
import { bodyFault, requestFault, type SignedRequest } from './signatures.ts'
import { asSluiceError, SluiceError } from '../../errors.ts'
import type { Published, PublishRequest } from '../../publish/publisher.ts'

export interface ServerApiPorts {
  publish(request: PublishRequest): Promise<Published>
  /** A request that is not the app's. */
  refused(app: string, why: string): void
  now(): number
}

export interface ServerCall extends SignedRequest {
  readonly app: string
  body(): Promise<string>
}

export class PusherServerApi {
  readonly #apps: Apps
  readonly #ports: ServerApiPorts
  readonly #limits: Omit<EventLimits, 'prefix'>

  constructor(apps: Apps, ports: ServerApiPorts, limits: Omit<EventLimits, 'prefix'>) {
    this.#apps = apps
    this.#ports = ports
    this.#limits = limits
  }

  /** `POST /apps/{id}/events`. Fails with `not_found`, `unauthorized` and whatever a publish fails with. */
  async events(call: ServerCall): Promise<object> {
    const { app, body } = await this.#signed(call)
    await this.#publish(readEvent(body, { ...this.#limits, prefix: app.prefix }))
    return {}
  }

  /** `POST /apps/{id}/batch_events`: all are read before the first is published. Fails as `events`. */
  async batchEvents(call: ServerCall): Promise<object> {
    const { app, body } = await this.#signed(call)
    const events = readBatch(body, { ...this.#limits, prefix: app.prefix })
    // Started one after the other, so that the events of a channel keep their order.
    await Promise.all(events.map((event) => this.#publish(event)))
    return {}
  }

  async #signed(call: ServerCall): Promise<{ readonly app: App; readonly body: string }> {
    const app = this.#apps.get(call.app)
    if (app === undefined) throw new SluiceError('not_found', 'there is no app with this id')
    this.#check(app, requestFault(call, app.credentials, this.#ports.now()))
    const body = await call.body()
    this.#check(app, bodyFault(call.query, Buffer.from(body)))
    return { app, body }
  }

  #check({ id }: App, fault: string | undefined): void {
    if (fault === undefined) return
    this.#ports.refused(id, fault)
    throw new SluiceError('unauthorized', fault)
  }

  /** To all of its channels, whatever becomes of each; the first that fails is told. */
  async #publish({ event, channels, payload, exclude }: PusherEvent): Promise<void> {
    const meta = { event, ...(exclude === undefined ? {} : { exclude }) }
    const results = await Promise.allSettled(
      channels.map((channel) =>
        this.#ports.publish({ door: 'http', target: { channel }, payload, id: undefined, meta }),
      ),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw asSluiceError(failed.reason)
  }
}
