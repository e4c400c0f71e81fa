/**
 * Traffic on a fleet that is counted to the last message: clients of all transports, publishers over HTTP and NATS, and
 * what each client was shown beside what was published.
 */
import type { Fleet, FleetNode } from './fleet.ts'
import { joinAs, type Kind, type Member } from './members.ts'
import { patientMs } from './patience.ts'
import { count, emptyTally, type Place, type Places, type Tally } from './tally.ts'
import { NatsLink } from '../../src/drivers/nats.ts'

export interface TrafficOptions {
  readonly clients: number
  readonly channels: readonly string[]
  /** Messages of each publisher in a second. */
  readonly perSecond: number
  /** Where clients connect. Default: the fleet's balancer. */
  readonly port?: number
  /** In turns. Default: the SDK, EventSource, long poll. */
  readonly kinds?: readonly Kind[]
  /** Default: 2. */
  readonly channelsPerClient?: number
  /** Every so many messages one goes to a user instead of a channel. Default: none. */
  readonly inboxEvery?: number
}

const KINDS: readonly Kind[] = ['sdk', 'sse', 'poll']
const CHANNELS_PER_CLIENT = 2
/** Of publishers, doubled each time. All at once and again every tenth of a second would keep the machine from what they wait for. */
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 2000
const FLOOD_UNDER_WAY = 100
const PUBLISH_TIMEOUT_MS = patientMs(6000)

export class Traffic {
  readonly #fleet: Fleet
  readonly #options: TrafficOptions
  readonly #members: Member[] = []
  /** Where the log has each number, by channel. */
  readonly #places = new Map<string, Map<number, Place>>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #nats: NatsLink
  #number = 0
  readonly #publishers = { running: true, closed: false }
  /** Publishes that were refused at first, or answered by nobody, and repeated with their id. */
  retries = 0
  degraded = 0

  private constructor(fleet: Fleet, options: TrafficOptions) {
    this.#fleet = fleet
    this.#options = options
    this.#nats = new NatsLink({ urls: [fleet.nats.url], name: 'publisher' })
    this.#nats.start()
  }

  /** Resolves once every client has a position on each of its channels, and both publishers run. */
  static async start(fleet: Fleet, options: TrafficOptions): Promise<Traffic> {
    const traffic = new Traffic(fleet, options)
    try {
      await traffic.#join()
    } catch (error) {
      await traffic.close()
      throw error
    }
    for (const publish of [traffic.#overHttp, traffic.#overNats]) {
      const loop = traffic.#publishAll(publish)
      traffic.#underWay.add(loop)
      void loop.finally(() => traffic.#underWay.delete(loop))
    }
    return traffic
  }

  /** Publishes so many messages through one node, a hundred under way at any time. */
  async flood(node: FleetNode, channel: string, messages: number): Promise<void> {
    const left = Array.from({ length: messages }, () => ++this.#number)
    const publishOne = async (_channel: string, number: number): Promise<Answer> => {
      const response = await node.api('POST', '/v1/publish', { channel, data: number, id: `n${number}` })
      return (await response.json()) as Answer
    }
    const worker = async (): Promise<void> => {
      for (let number = left.shift(); number !== undefined; number = left.shift()) {
        await this.#publish(channel, number, publishOne)
      }
    }
    await Promise.all(Array.from({ length: FLOOD_UNDER_WAY }, worker))
  }

  /** Ends publishing; resolves when everything that was published has been accepted. */
  async stopPublishing(): Promise<void> {
    this.#publishers.running = false
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  /** Messages that clients have not been shown yet, and were not told of by a reset either. */
  get missing(): number {
    return this.tally().lost
  }

  /** What clients of one kind went through. */
  journeys(kind: Kind): {
    readonly clients: number
    readonly moves: number
    readonly gapsMs: readonly number[]
    readonly complaints: readonly string[]
  } {
    const members = this.#members.filter((member) => member.kind === kind)
    return {
      clients: members.length,
      moves: members.reduce((sum, member) => sum + member.moves(), 0),
      gapsMs: members.flatMap(({ gapsMs }) => gapsMs),
      complaints: members.flatMap(({ complaints }) => complaints),
    }
  }

  tally(): Tally & { readonly published: number } {
    const published = [...this.#places.values()].reduce((sum, { size }) => sum + size, 0)
    const tally = emptyTally()
    for (const member of this.#members) {
      for (const channel of member.channels) count(member.seen(channel), this.#placesOf(channel), tally)
      if (this.#options.inboxEvery !== undefined)
        count(member.seen('@inbox'), this.#placesOf(`@${member.user}`), tally)
    }
    return { published, ...tally }
  }

  async close(): Promise<void> {
    this.#publishers.running = false
    this.#publishers.closed = true
    for (const member of this.#members) member.close()
    await this.#nats.close()
  }

  #placesOf(channel: string): Places {
    return this.#places.get(channel) ?? new Map()
  }

  async #join(): Promise<void> {
    const { clients, channels, kinds = KINDS, channelsPerClient = CHANNELS_PER_CLIENT } = this.#options
    const port = this.#options.port ?? this.#fleet.balancer.port
    await Promise.all(
      Array.from({ length: clients }, async (_, index) => {
        const own = Array.from(
          { length: channelsPerClient },
          (__, which) => channels[(index + which * 7) % channels.length] as string,
        )
        const user = `user-${index}`
        const token = await this.#fleet.token(user)
        this.#members.push(joinAs(kinds[index % kinds.length] as Kind, { port, token, user, channels: own }))
      }),
    )
    await Promise.all(this.#members.map(({ ready }) => ready))
  }

  async #publishAll(publish: (channel: string, number: number) => Promise<Answer>): Promise<void> {
    const { clients, channels, perSecond, inboxEvery } = this.#options
    const startedMs = performance.now()
    for (let turn = 0; this.#publishers.running; turn++) {
      const toUser = inboxEvery !== undefined && turn % inboxEvery === 0
      const channel = toUser
        ? `@user-${Math.floor(Math.random() * clients)}`
        : (channels[turn % channels.length] as string)
      const one = this.#publish(channel, ++this.#number, publish)
      this.#underWay.add(one)
      void one.finally(() => this.#underWay.delete(one))
      const aheadMs = (turn * 1000) / perSecond - (performance.now() - startedMs)
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs))
    }
  }

  /** Until it is accepted: whoever publishes repeats with the same id. */
  async #publish(
    channel: string,
    number: number,
    publish: (channel: string, number: number) => Promise<Answer>,
  ): Promise<void> {
    for (let retryMs = RETRY_MIN_MS; ; retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)) {
      const { epoch, offset, degraded } = await publish(channel, number)
      if (epoch !== undefined && offset !== undefined) {
        if (degraded === true) this.degraded++
        const places = this.#places.get(channel)
        if (places === undefined) this.#places.set(channel, new Map([[number, { epoch, offset }]]))
        else places.set(number, { epoch, offset })
        return
      }
      // The test has ended, perhaps because nobody has ever accepted it.
      if (this.#publishers.closed) return
      this.retries++
      await new Promise((resolve) => setTimeout(resolve, retryMs * (0.5 + Math.random() / 2)))
    }
  }

  #turn = 0

  /** Another node each time: one that is gone is not asked for ever. */
  readonly #overHttp = async (channel: string, number: number): Promise<Answer> => {
    const node = this.#fleet.nodes[this.#turn++ % this.#fleet.nodes.length]
    try {
      const target = channel.startsWith('@') ? { user: channel.slice(1) } : { channel }
      const response = await node?.api('POST', '/v1/publish', { ...target, data: number, id: `n${number}` })
      return (await response?.json()) ?? {}
    } catch (error) {
      // The node is not there now.
      if (error instanceof TypeError) return {}
      throw error
    }
  }

  readonly #overNats = async (channel: string, number: number): Promise<Answer> => {
    try {
      const { data } = await this.#nats.request(
        `sluice.publish.${channel}`,
        Buffer.from(String(number)),
        PUBLISH_TIMEOUT_MS,
        { 'Nats-Msg-Id': `n${number}` },
      )
      return JSON.parse(data.toString()) as Answer
    } catch {
      // NATS, or whoever took the request, is not there now: which of them does not matter to a publisher.
      return {}
    }
  }
}

interface Answer {
  readonly epoch?: string
  readonly offset?: number
  readonly degraded?: boolean
}
