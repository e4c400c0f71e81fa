/**
 * Until there is a session: `connect`, or a token in the handshake, and what the client sends behind it without waiting. Then it
 * is let go of.
 *
 *   (opened) ── connect ──▶ (connecting) ── welcome ──▶ the talk
 */
import type { DecodedConnect, DecodedFrame } from './decode.ts'
import { readFrame, type Talk, type TalkOptions, type TalkPorts } from './talk.ts'
import type { Conversation, Link, Reception } from '../dialect.ts'
import { EarlyFrames } from '../early-frames.ts'
import { Closing, closingOf, SluiceError } from '../../errors.ts'
import { INBOX } from '../../protocol/channel.ts'
import type { Form } from '../../protocol/form.ts'
import type { From } from '../../protocol/position.ts'
import type { Identity } from '../../session/ports.ts'
import type { Session } from '../../session/session.ts'
import type { Welcome } from '../../session/welcome.ts'

export interface GreetingPorts extends TalkPorts {
  readonly reception: Reception
  /** Something failed that is nobody's mistake but ours. */
  failed(what: string, error: unknown): void
}

export interface GreetingOptions extends TalkOptions {
  readonly frameBytesMax: number
}

export class Greeting implements Conversation<Buffer> {
  readonly #token: string | undefined
  readonly #talk: Talk<Buffer>
  readonly #ports: GreetingPorts
  readonly #options: GreetingOptions
  /** Once it connects. */
  #early: EarlyFrames<DecodedFrame> | undefined

  constructor(token: string | undefined, talk: Talk<Buffer>, ports: GreetingPorts, options: GreetingOptions) {
    this.#token = token
    this.#talk = talk
    this.#ports = ports
    this.#options = options
  }

  get form(): Form<Buffer> {
    return this.#talk.form
  }

  opened(): void {}

  gone(): void {
    this.#early = undefined
  }

  received(link: Link, message: ArrayBuffer, binary: boolean): void {
    const frame = readFrame(link, message, binary, this.#ports, this.#options)
    if (frame !== undefined) this.#handle(link, frame, message.byteLength)
  }

  joined(link: Link, session: Session, welcome: Welcome): Conversation<Buffer> {
    return this.#talk.joined(link, session, welcome)
  }

  // Nothing is told before there is a session.
  subscribed(): void {}
  unsubscribed(): void {}
  reauth(): void {}
  reset(): void {}
  move(): 'leaves' {
    return 'leaves'
  }

  #handle(link: Link, frame: DecodedFrame, bytes: number): void {
    if (this.#early !== undefined) {
      if (this.#early.add(frame, bytes)) return
      const { frameBytesMax } = this.#options
      const why = `before welcome at most 1024 frames of ${frameBytesMax} bytes together may follow connect`
      link.end(new Closing('rateLimited', 'rate_limited', why))
    } else if (frame.type === 'connect') this.#connect(link, frame)
    else if (this.#token !== undefined) {
      // With a token in the handshake, everything that connect could say is known.
      this.#connect(link, { type: 'connect' })
      this.#handle(link, frame, bytes)
    } else link.end(new Closing('unauthorized', 'unauthorized', `connect comes before ${frame.type}`))
  }

  #connect(link: Link, frame: DecodedConnect): void {
    this.#early = new EarlyFrames(this.#options.frameBytesMax)
    link.introduced()
    const identity = this.#ports.reception.identify(frame.token ?? this.#token)
    if (identity instanceof Promise)
      identity.then(
        (late) => this.#open(link, late, frame),
        (error: unknown) => this.#refused(link, error),
      )
    else this.#open(link, identity, frame)
  }

  #open(link: Link, identity: Identity, { session, resume, entries, client }: DecodedConnect): void {
    const request = {
      ...{ session, departure: undefined, channels: channelsOf(resume), partial: true },
      ...(entries === undefined ? {} : { entries }),
      ...(client === undefined ? {} : { client: `${client.name}/${client.version}` }),
    }
    this.#ports.reception.connect(link, identity, request).then(
      (connected) => {
        if (connected === undefined) return
        for (const frame of this.#early?.frames ?? []) this.#talk.handle(link, frame)
      },
      (error: unknown) => this.#refused(link, error),
    )
  }

  #refused(link: Link, thrown: unknown): void {
    const closing = closingOf(thrown)
    if (!(thrown instanceof SluiceError || thrown instanceof Closing))
      this.#ports.failed('connecting a client', thrown)
    if (closing.why === 'unauthorized') link.charge('token')
    link.end(closing)
  }
}

const ONLY_INBOX: ReadonlyMap<string, From | undefined> = new Map([[INBOX, undefined]])

function channelsOf(resume: DecodedConnect['resume']): ReadonlyMap<string, From | undefined> {
  if (resume === undefined) return ONLY_INBOX
  const channels = new Map<string, From | undefined>(Object.entries(resume))
  if (!channels.has(INBOX)) channels.set(INBOX, undefined)
  return channels
}
