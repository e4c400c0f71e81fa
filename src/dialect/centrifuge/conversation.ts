/**
 * One connection that speaks Centrifuge's protocol: its commands become what the gateway can do, and the answers go back in their words.
 *
 *   (opened) ── connect ──▶ (connecting) ── result ──▶ (connected)
 *       ▲                        │
 *       └── token expired: 109 ──┘
 *
 * Commands may follow `connect` in the same frame; they wait for its answer. Knows nothing of sockets and has no timer.
 */
import { endOfConnect, malformed } from './closings.ts'
import { ERROR, errorOf, UNSUBSCRIBE } from './codes.ts'
import { DecodeFault } from './decode-fault.ts'
import type { Encoding } from './encoding.ts'
import type {
  Command,
  ConnectRequest,
  ErrorReply,
  Push,
  Recovery,
  RefreshResult,
  Reply,
  Results,
  SubscribeResult,
  SubscribeRequest,
} from './messages.ts'
import { callFor, historyFor } from './asking.ts'
import { grantOf } from './granting.ts'
import { membersIn, statsOf } from './member.ts'
import { centrifugeNameOf } from './names.ts'
import {
  channelOf,
  lifeOf,
  payloadOf,
  placeOf,
  placesOf,
  Refusal,
  refreshOf,
  subscriptionsIn,
} from './requests.ts'
import { Subscribed } from './subscribed.ts'
import { placeIn, RECOVERED_BYTES_MAX, RECOVERED_MAX, resultOf, unfitIn } from './subscribing.ts'
import type { Guest, Line, Verbs } from './verbs.ts'
import { EarlyFrames } from '../early-frames.ts'
import { asSluiceError, Closing, SluiceError } from '../../errors.ts'
import { INBOX, inboxOf, isInbox } from '../../protocol/channel.ts'
import type { Position } from '../../protocol/position.ts'
import type { Found, Start } from '../../session/welcome.ts'

export interface ConversationOptions {
  readonly jsonDepthMax: number
  /** How often the server pings. */
  readonly pingSeconds: number
  /** Whether the namespace of a channel is one of those that there are. */
  knows(channel: string): boolean
  readonly version: string
  /** What may follow `connect` before it is answered holds no more together than one frame may. */
  readonly frameBytesMax: number
}

const LEFT_MEANWHILE = 'the channel was left before it was subscribed to'

type Handled = Exclude<Command, { readonly method: 'connect' | 'send' | 'pong' | 'unknown' }>

export class Conversation {
  readonly #encoding: Encoding
  readonly #verbs: Verbs
  readonly #line: Line
  readonly #options: ConversationOptions
  #state: 'opened' | 'connecting' | 'connected' = 'opened'
  #early: EarlyFrames<Command> | undefined
  #guest: Guest | undefined
  /** Made with the first channel. */
  #mine: Subscribed | undefined

  constructor(encoding: Encoding, verbs: Verbs, line: Line, options: ConversationOptions) {
    this.#encoding = encoding
    this.#verbs = verbs
    this.#line = line
    this.#options = options
  }

  get #subscribed(): Subscribed {
    return (this.#mine ??= new Subscribed())
  }

  /** Whether the client is still to say `connect`. */
  get waits(): boolean {
    return this.#state === 'opened'
  }

  /** A frame of the client. Never throws. */
  received(frame: Uint8Array): void {
    try {
      let bytes = frame.length
      for (const command of this.#encoding.commands(frame, this.#options.jsonDepthMax)) {
        if (bytes === 0 && !this.#line.another()) return
        // Of the frame, which all its commands keep.
        this.#handle(command, bytes)
        bytes = 0
      }
    } catch (error) {
      if (!(error instanceof DecodeFault)) throw error
      if (error.id === undefined) this.#line.end(malformed(error.message))
      else this.#refuse(error.id, { ...ERROR.badRequest, message: error.message })
    }
  }

  /** The channel has lost something before the position. The client subscribes anew, and is told then. */
  reset(channel: string, position: Position): void {
    if (this.#mine?.takeLost(channel) === true) return
    if (isInbox(channel) || this.#mine?.isByServer(channel) === true) {
      // A subscription of the server: the client cannot subscribe to it by itself.
      this.#push(channel, { unsubscribe: UNSUBSCRIBE.insufficientState })
      this.#push(channel, { subscribe: placeIn(position) })
    } else if (this.#mine?.delete(channel) === true) {
      this.#push(channel, { unsubscribe: UNSUBSCRIBE.insufficientState })
      this.#verbs.unsubscribe(channel).catch((error: unknown) => this.#line.refusal(error))
    }
  }

  /** A backend has put the client on the channel. */
  subscribed(channel: string, { position, data }: Start): void {
    this.#subscribed.addByServer(channel)
    const said = data === undefined ? {} : { data: Buffer.from(data) }
    this.#push(channel, { subscribe: { ...placeIn(position), ...said } })
  }

  /** A fresh token does not allow the channel, or a backend has taken the client off it. */
  unsubscribed(channel: string): void {
    if (this.#mine?.delete(channel) === true) this.#push(channel, { unsubscribe: UNSUBSCRIBE.server })
  }

  /** The client is to bring a fresh token within this time. Libraries that do not act by it are closed then, and come back. */
  reauth(deadlineMs: number): void {
    this.#reply({ push: { refresh: lifeOf(deadlineMs / 2) } })
  }

  /** The token of the channel is over, and no other came. */
  expired(channel: string): void {
    if (this.#mine?.delete(channel) === true) this.#push(channel, { unsubscribe: UNSUBSCRIBE.expired })
  }

  #handle(command: Command, bytes: number): void {
    if (command.method === 'pong') return
    if (command.method === 'connect') this.#connect(command.id, command.request)
    else if (this.#state === 'opened') this.#line.end(malformed('the first command is connect'))
    else if (this.#state === 'connected') this.#carryOut(command)
    else if (!(this.#early ??= new EarlyFrames(this.#options.frameBytesMax)).add(command, bytes))
      this.#line.end(
        new Closing('rateLimited', 'rate_limited', 'too many commands before connect was answered'),
      )
  }

  #carryOut(command: Exclude<Command, { readonly method: 'connect' | 'pong' }>): void {
    if (command.method === 'send') return
    if (command.method === 'unknown') return this.#refuse(command.id, ERROR.methodNotFound)
    const { method, id } = command
    this.#answer(command).then(
      (result) => {
        if (result !== undefined) this.#reply({ id, [method]: result })
      },
      (error: unknown) => this.#failed(id, error),
    )
  }

  #connect(id: number, request: ConnectRequest): void {
    if (this.#state !== 'opened') return this.#line.end(malformed('connect comes once'))
    this.#state = 'connecting'
    const asked = subscriptionsIn(request)
    this.#verbs
      .connect(request.token, placesOf(asked), (guest, found) => this.#welcome(id, guest, asked, found))
      .then(
        () => this.#carryOutEarly(),
        (error: unknown) => this.#refuseConnect(id, error),
      )
  }

  #welcome(
    id: number,
    guest: Guest,
    asked: ReadonlyMap<string, Recovery>,
    found: ReadonlyMap<string, Found>,
  ): void {
    this.#guest = guest
    this.#state = 'connected'
    const { pingSeconds: ping, version } = this.#options
    const subs = new Map<string, SubscribeResult>()
    for (const [channel, start] of found) {
      if (start.error !== undefined) continue
      const name = channel === INBOX ? inboxOf(guest.user) : channel
      const recovery = asked.get(channel) ?? {}
      this.#expectLoss(name, recovery, start)
      if (channel !== INBOX) this.#subscribed.addByServer(channel)
      const named = centrifugeNameOf(name)
      const data = guest.dataOf?.(named)
      const said = data === undefined ? {} : { data: Buffer.from(data) }
      subs.set(named, { ...resultOf(recovery, start), ...said })
    }
    const { client, named } = guest
    const names = named === undefined ? {} : { session: named.credential, node: named.node }
    this.#reply({
      id,
      connect: { client, version, subs, ping, pong: !this.#encoding.oneWay, ...names, ...refreshOf(guest) },
    })
  }

  #carryOutEarly(): void {
    const early = this.#early?.frames ?? []
    this.#early = undefined
    for (const command of early) this.#handle(command, 0)
  }

  #refuseConnect(id: number, thrown: unknown): void {
    this.#early = undefined
    if (thrown instanceof Closing) return this.#line.end(thrown)
    const error = asSluiceError(thrown)
    if (error.code === 'internal') this.#line.failed('connecting a client', thrown)
    const end = endOfConnect(error, this.#encoding.oneWay)
    if (end !== undefined) return this.#line.end(end)
    this.#state = 'opened'
    this.#refuse(id, { ...ERROR.tokenExpired, message: error.message })
  }

  /** `undefined`: it has been answered. */
  async #answer({ method, id, request }: Handled): Promise<Results[Handled['method']] | undefined> {
    switch (method) {
      case 'subscribe':
        return this.#subscribe(request, id)
      case 'unsubscribe': {
        const name = this.#channel(request.channel)
        if (this.#mine?.delete(name) === true) await this.#verbs.unsubscribe(name)
        return {}
      }
      case 'publish': {
        const payload = payloadOf(request.data, this.#encoding, this.#options.jsonDepthMax)
        await this.#verbs.publish(this.#channel(request.channel), payload)
        return {}
      }
      case 'history':
        return historyFor(this.#verbs, this.#encoding, this.#channel(request.channel), request)
      case 'presence':
        return { presence: membersIn(await this.#verbs.members(this.#channel(request.channel))) }
      case 'presence_stats':
        return statsOf((await this.#verbs.members(this.#channel(request.channel))).keys())
      case 'rpc':
        return callFor(this.#verbs, request, (data) =>
          payloadOf(data, this.#encoding, this.#options.jsonDepthMax),
        )
      case 'refresh':
        return this.#refresh(request.token ?? '')
      case 'sub_refresh':
        return grantOf(this.#verbs, this.#channel(request.channel), request.token)
    }
  }

  async #subscribe(request: SubscribeRequest, id: number): Promise<undefined> {
    const unfit = unfitIn(request)
    if (unfit !== undefined) throw new Refusal(unfit)
    const channel = this.#channel(request.channel)
    if (channel === inboxOf(this.#guest?.user ?? '')) throw new Refusal(ERROR.alreadySubscribed)
    if (isInbox(channel)) throw new Refusal(ERROR.permissionDenied)
    const subscribed = this.#subscribed
    if (!subscribed.ask(channel)) throw new Refusal(ERROR.alreadySubscribed)
    let rejected = false
    try {
      // Nothing is waited for that need not be: what follows in the frame comes after it.
      const expires = (request.token ?? '') === '' ? {} : await grantOf(this.#verbs, channel, request.token)
      const from = request.recover === true ? await this.#placeOf(channel, request) : undefined
      if (!subscribed.has(channel)) throw new Refusal({ ...ERROR.badRequest, message: LEFT_MEANWHILE })
      await this.#verbs.subscribe(channel, from, (start, missed) => {
        const result = resultOf(request, start)
        if (result === undefined) {
          rejected = true
          return
        }
        if (from !== undefined) this.#expectLoss(channel, request, start)
        const publications = start.recovered ? missed(RECOVERED_MAX, RECOVERED_BYTES_MAX) : []
        this.#reply({ id, subscribe: { ...result, ...expires, publications } })
        // What it had before it asked is handled: the protocol has no other word for that.
        if (from !== undefined && start.recovered && from.offset > 0)
          this.#verbs.handled(channel, from.offset)
      })
    } catch (error) {
      subscribed.delete(channel)
      throw error
    }
    if (!rejected) return
    subscribed.delete(channel)
    await this.#verbs.unsubscribe(channel)
    throw new Refusal(ERROR.unrecoverablePosition)
  }

  /** Where to go on. Without an epoch it is the one that the log is in. */
  async #placeOf(channel: string, recovery: Recovery): Promise<Position | undefined> {
    if ((recovery.epoch ?? '') !== '') return placeOf(recovery)
    const head = await this.#verbs.head(channel)
    return head === undefined ? undefined : { epoch: head.epoch, offset: recovery.offset ?? 0 }
  }

  /** The answer says that something was lost: the reset that follows says nothing new. */
  #expectLoss(channel: string, { recover = false }: Recovery, { position, recovered }: Start): void {
    if (recover && !recovered && position !== undefined) this.#subscribed.toldLost(channel)
  }

  #channel(named: string | undefined): string {
    const channel = channelOf(named)
    if (!this.#options.knows(channel)) throw new Refusal(ERROR.unknownChannel)
    return channel
  }

  async #refresh(token: string): Promise<RefreshResult | undefined> {
    try {
      const guest = await this.#verbs.renew(token)
      this.#guest = guest
      return { client: guest.client, version: this.#options.version, ...refreshOf(guest) }
    } catch (error) {
      // An error would be final for the client; closed like this it comes back, and asks for a fresh token where one helps.
      if (!(error instanceof SluiceError) || error.code !== 'unauthorized') throw error
      this.#line.end(new Closing('unauthorized', error.code, error.message))
      return undefined
    }
  }

  #push(channel: string, push: Push): void {
    this.#reply({ push: { channel: centrifugeNameOf(channel), ...push } })
  }

  #failed(id: number, thrown: unknown): void {
    if (thrown instanceof Refusal) {
      this.#refuse(id, thrown.reply)
      return
    }
    if (thrown instanceof Closing) {
      this.#line.end(thrown)
      return
    }
    const error = this.#line.refusal(thrown)
    if (error !== undefined) this.#refuse(id, errorOf(error.code, error.message))
  }

  #refuse(id: number, error: ErrorReply): void {
    this.#reply({ id, error })
  }

  #reply(reply: Reply): void {
    this.#line.send(this.#encoding.reply(reply))
  }
}
