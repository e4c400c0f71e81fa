/**
 * What is said with a session: each frame of a client becomes a verb, each answer a frame. It holds nothing of anybody, so one
 * serves all connections of a node: an idle one does without a conversation of its own.
 */
import {
  decodeBinary,
  decodeText,
  type DecodedEnter,
  type DecodedFrame,
  type DecodedPublish,
} from './decode.ts'
import { encodeFrame, lineOf, publishedText, type SentFrame } from './encode.ts'
import type { HistoryFrame, LeaveFrame, PresenceFrame } from './frames.ts'
import { MalformedFrame } from './members.ts'
import { welcomeText } from './welcome-text.ts'
import type { Conversation, Link, Teller } from '../dialect.ts'
import { Closing, SluiceError } from '../../errors.ts'
import { usersIn } from '../../presence/info.ts'
import type { EncodedReset } from '../../protocol/encoded-reset.ts'
import type { ErrorCode } from '../../protocol/error-code.ts'
import type { Data, Form } from '../../protocol/form.ts'
import type { Position } from '../../protocol/position.ts'
import type { MoveOrder, UnsubscribedBy } from '../../session/connection.ts'
import type { Session } from '../../session/session.ts'
import type { Start, Welcome } from '../../session/welcome.ts'

export interface TalkPorts {
  readonly metrics: { protocolError(code: ErrorCode): void }
  /** How long until it offers itself again; `undefined`: a message was just written. Fails with `bad_request`. */
  probe(session: Session, channel: string): Promise<number | undefined>
}

export interface TalkOptions {
  readonly jsonDepthMax: number
}

export class Talk<D extends Data> implements Conversation<D> {
  readonly form: Form<D>
  readonly #ports: TalkPorts
  readonly #options: TalkOptions

  constructor(form: Form<D>, ports: TalkPorts, options: TalkOptions) {
    this.form = form
    this.#ports = ports
    this.#options = options
  }

  opened(): void {}

  gone(): void {}

  received(link: Link, message: ArrayBuffer, binary: boolean): void {
    const frame = readFrame(link, message, binary, this.#ports, this.#options)
    if (frame !== undefined) this.handle(link, frame)
  }

  handle(link: Link, frame: DecodedFrame): void {
    const { session } = link
    if (session === undefined || link.closed) return
    switch (frame.type) {
      case 'connect':
        refuse(link, session, undefined, connectedAlready())
        break
      case 'subscribe': {
        const { ref, channel, from, entry } = frame
        const told = (start: Start): void => send(link, subscribed(ref, channel, start))
        answer(link, session, ref, session.subscribe(channel, from, told, entry))
        break
      }
      case 'unsubscribe': {
        const { ref, channel } = frame
        const told = (): void => send(link, { type: 'unsubscribed', ref, channel })
        answer(link, session, ref, session.unsubscribe(channel, told))
        break
      }
      case 'publish':
        publish(link, session, frame)
        break
      case 'ack':
        try {
          session.ack(frame.channel, frame.offset)
        } catch (error) {
          refuse(link, session, undefined, error)
        }
        break
      case 'auth':
        answer(link, session, frame.ref, session.authenticate(frame.token), ({ ticket, expiresAtMs }) => ({
          type: 'authenticated',
          ref: frame.ref,
          ticket,
          ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
        }))
        break
      case 'enter':
      case 'leave':
        enter(link, session, frame)
        break
      case 'presence':
      case 'history':
        read(link, session, frame)
        break
      case 'probe': {
        const { ref, channel } = frame
        answer(link, session, ref, this.#ports.probe(session, channel), (pause) => ({
          ...{ type: 'probe', ref },
          ...(pause === undefined ? {} : { pause }),
        }))
        break
      }
      case 'ping':
        send(link, frame.ref === undefined ? { type: 'pong' } : { type: 'pong', ref: frame.ref })
        break
      default:
        frame satisfies never
    }
  }

  joined(link: Link, session: Session, welcome: Welcome): this {
    link.say(welcomeText(session, welcome), 'welcome')
    for (const error of welcome.refused) refuse(link, session, undefined, error)
    return this
  }

  subscribed(link: Teller, channel: string, start: Start): void {
    send(link, { type: 'subscribed', channel, ...at(start), recovered: false, byBackend: true })
  }

  unsubscribed(link: Teller, channel: string, why: UnsubscribedBy): void {
    send(link, { type: 'unsubscribed', channel, ...(why === 'backend' ? { byBackend: true } : {}) })
  }

  reauth(link: Link, deadlineMs: number): void {
    send(link, { type: 'reauth', deadline: deadlineMs })
  }

  move(link: Link, { delayMs, deadlineMs, reason, to }: MoveOrder): 'asked' {
    const url = to === undefined ? {} : { url: to }
    send(link, { type: 'reconnect', delay: delayMs, deadline: deadlineMs, reason, ...url })
    return 'asked'
  }

  reset(link: Link, reset: EncodedReset): void {
    const written = reset.as(this.form)
    if (written !== undefined) link.write(written)
  }
}

export function send(link: Teller, frame: SentFrame): void {
  link.say(encodeFrame(frame), frame.type)
}

/** `undefined`: it was none, and the client has been told, or the link has ended. */
export function readFrame(
  link: Link,
  message: ArrayBuffer,
  binary: boolean,
  { metrics }: TalkPorts,
  { jsonDepthMax }: TalkOptions,
): DecodedFrame | undefined {
  try {
    // The payload of a binary publish outlives the call, so the frame is copied.
    return binary
      ? decodeBinary(new Uint8Array(message.slice(0)), jsonDepthMax)
      : decodeText(Buffer.from(message).toString('utf8'), jsonDepthMax)
  } catch (error) {
    if (!(error instanceof MalformedFrame)) throw error
    if (error.fatal) link.end(new Closing('malformed', 'bad_request', error.message))
    else if (link.session === undefined) {
      metrics.protocolError('bad_request')
      link.say(errorFrame('bad_request', error.message, error.ref), 'error')
    } else refuse(link, link.session, error.ref, new SluiceError('bad_request', error.message))
    return undefined
  }
}

export function errorFrame(code: ErrorCode, message: string, ref?: number): string {
  const { retryable } = new SluiceError(code, message)
  return encodeFrame({ type: 'error', ...(ref === undefined ? {} : { ref }), code, message, retryable })
}

function read(link: Link, session: Session, frame: PresenceFrame | HistoryFrame): void {
  const { ref, channel } = frame
  if (frame.type === 'presence')
    answer(link, session, ref, session.members(channel), (members) => ({
      type: 'presence',
      ref,
      channel,
      members: usersIn(members),
    }))
  else
    answer(link, session, ref, session.history(channel, frame, lineOf), ({ head, reset, ...page }) => ({
      ...{ type: 'history', ref, channel, epoch: head.epoch, offset: head.offset, ...page },
      ...(reset === undefined ? {} : { reset }),
    }))
}

/** As `answer`, with as little as can be made on the way: there may be tens of thousands in a second. */
function publish(link: Link, session: Session, frame: DecodedPublish): void {
  const { ref } = frame
  session.publish(frame).then(
    (published) => link.say(publishedText(ref, published), 'published'),
    (error: unknown) => refuse(link, session, ref, error),
  )
}

function enter(link: Link, session: Session, frame: DecodedEnter | LeaveFrame): void {
  const { ref, channel } = frame
  const entry = frame.type === 'leave' ? 'absent' : frame.entry
  answer(link, session, ref, session.enter(channel, entry), (said) => ({
    ...{ type: 'entered', ref, channel },
    ...(said === undefined ? {} : { at: said }),
  }))
}

/** With its reply, or with its error. `worded`: absent where the reply is sent by the time that it is done. */
function answer<Value>(
  link: Link,
  session: Session,
  ref: number,
  done: Promise<Value>,
  worded?: (value: Value) => SentFrame,
): void {
  done.then(
    (value) => {
      if (worded !== undefined) send(link, worded(value))
    },
    (error: unknown) => refuse(link, session, ref, error),
  )
}

function refuse(link: Link, session: Session, ref: number | undefined, thrown: unknown): void {
  const error = session.refusal(thrown)
  if (error !== undefined) link.say(errorFrame(error.code, error.message, ref), 'error')
}

function connectedAlready(): SluiceError {
  return new SluiceError('bad_request', 'connect: this connection is connected already')
}

function subscribed(ref: number, channel: string, start: Start): SentFrame {
  return {
    ...{ type: 'subscribed', ref, channel, ...at(start), recovered: start.recovered },
    ...(start.at === undefined ? {} : { at: start.at }),
  }
}

function at({ position }: Start): Partial<Position> {
  return position === undefined ? {} : { epoch: position.epoch, offset: position.offset }
}
