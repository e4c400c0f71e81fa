/**
 * The HTTP API that backends call with a library of Pusher: signed by a secret of the app, JSON in and out.
 */
import type { App, Apps } from './apps.ts'
import { readBatch, readEvent, readSingle, type EventLimits, type PusherEvent } from './publishing.ts'
import { countsFor, described, listed, usersOf, type QueryPorts } from './queries.ts'
import { bodyFault, requestFault, type SignedRequest } from './signatures.ts'
import { userName } from './users.ts'
import { asSluiceError, SluiceError } from '../../errors.ts'
import type { Published, PublishRequest } from '../../publish/publisher.ts'

export interface ServerApiPorts extends QueryPorts {
  publish(request: PublishRequest): Promise<Published>
  /** Ends the connections, on all nodes, that have signed in as a user, or are about to; see `userName`. Fails with `unavailable`. */
  signOut(user: string): Promise<void>
  /** A request that is not the app's. */
  refused(app: string, why: string): void
  now(): number
}

export interface ServerCall extends SignedRequest {
  /** `undefined`: the path names none; it is the one whose key signs. */
  readonly app: string | undefined
  /** The channel or the user that the path names. */
  readonly named: string
  /** The `traceparent` that it came with. */
  readonly traceparent: string | undefined
  body(): Promise<string>
}

interface Signed {
  readonly app: App
  readonly body: string
  readonly query: URLSearchParams
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

  // Each fails with `not_found` of an app, `unauthorized`, `bad_request`, and whatever is done with it fails with.

  /** `POST /apps/{id}/events`. */
  async events(call: ServerCall): Promise<object> {
    const { app, body } = await this.#signed(call)
    const event = readEvent(body, this.#limitsOf(app))
    await this.#publish(app, event, call)
    const counts = await this.#countsFor(app, event)
    return counts === undefined ? {} : { channels: Object.fromEntries(counts) }
  }

  /** `POST /apps/{id}/batch_events`: all are read before the first is published. */
  async batchEvents(call: ServerCall): Promise<object> {
    const { app, body } = await this.#signed(call)
    const events = readBatch(body, this.#limitsOf(app))
    // Started one after the other, so that the events of a channel keep their order.
    await Promise.all(events.map((event) => this.#publish(app, event, call)))
    if (events.every(({ info }) => info.size === 0)) return {}
    const counts = await Promise.all(events.map((event) => this.#countsFor(app, event)))
    return { batch: counts.map((one) => [...(one?.values() ?? [])][0] ?? {}) }
  }

  /** `POST /apps/{id}/channels/{channel}/events?name=…`, as old libraries do: the body is the data. */
  async singleEvent(call: ServerCall): Promise<object> {
    const { app, body, query } = await this.#signed(call)
    await this.#publish(app, readSingle({ channel: call.named, body, query }, this.#limitsOf(app)), call)
    return {}
  }

  /** `GET /apps/{id}/channels`. */
  async channels(call: ServerCall): Promise<object> {
    const { app, query } = await this.#signed(call)
    return listed(app, query, this.#ports)
  }

  /** `GET /apps/{id}/channels/{channel}`. */
  async channel(call: ServerCall): Promise<object> {
    const { app, query } = await this.#signed(call)
    return described(app, call.named, query, this.#ports)
  }

  /** `GET /apps/{id}/channels/{channel}/users`. */
  async users(call: ServerCall): Promise<object> {
    const { app } = await this.#signed(call)
    return usersOf(app, call.named, this.#ports)
  }

  /** `POST /apps/{id}/users/{user}/terminate_connections`. */
  async terminateConnections(call: ServerCall): Promise<object> {
    const { app } = await this.#signed(call)
    await this.#ports.signOut(userName(app, call.named))
    return {}
  }

  async #signed(call: ServerCall): Promise<Signed> {
    const app = this.#appOf(call)
    this.#check(app, requestFault(call, app.credentials, this.#ports.now()))
    const body = await call.body()
    this.#check(app, bodyFault(call.query, Buffer.from(body)))
    return { app, body, query: new URLSearchParams(call.query) }
  }

  #appOf({ app: id, query }: ServerCall): App {
    const key = new URLSearchParams(query).get('auth_key') ?? ''
    const app = id === undefined ? this.#apps.ofKey(key) : this.#apps.get(id)
    if (app !== undefined) return app
    if (id === undefined) throw new SluiceError('unauthorized', 'auth_key is missing, or of no app')
    throw new SluiceError('not_found', 'there is no app with this id')
  }

  #check({ id }: App, fault: string | undefined): void {
    if (fault === undefined) return
    this.#ports.refused(id, fault)
    throw new SluiceError('unauthorized', fault)
  }

  #limitsOf({ prefix }: App): EventLimits {
    return { ...this.#limits, prefix }
  }

  /** `undefined`: nobody has asked for it. */
  async #countsFor(
    app: App,
    { channels, info }: PusherEvent,
  ): Promise<ReadonlyMap<string, object> | undefined> {
    return info.size === 0 ? undefined : countsFor(app, channels, info, this.#ports)
  }

  /** To all of its channels, whatever becomes of each; the first that fails is told. */
  async #publish(
    app: App,
    { event, channels, payload, exclude }: PusherEvent,
    { traceparent: trace }: ServerCall,
  ): Promise<void> {
    if (!app.mayPublish(channels.length, this.#ports.now()))
      throw new SluiceError(
        'rate_limited',
        `the app publishes more than ${app.limits.eventsPerSecond} events a second at this node (dialects.pusher.limits)`,
      )
    const meta = { event, ...(exclude === undefined ? {} : { exclude }) }
    const results = await Promise.allSettled(
      channels.map((channel) =>
        this.#ports.publish({
          door: 'http',
          target: { channel, internal: true },
          payload,
          id: undefined,
          meta,
          trace,
        }),
      ),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw asSluiceError(failed.reason)
  }
}
