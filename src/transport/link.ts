/**
 * A client over HTTP that speaks the frames of a WebSocket. It is one in every respect (limits, admission, the first frame, slowness) but
 * for how bytes come and go.
 */
import type { LinkSocket } from './link-sockets.ts'
import { WebSocketConnection } from './websocket.ts'
import type { Fanout, StreamFanout } from '../hub/fanout.ts'
import type { Account } from '../observe/account.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { EncodedEvent } from '../protocol/encoded-event.ts'
import type { Form } from '../protocol/form.ts'
import type { Session } from '../session/session.ts'
import type { Welcome } from '../session/welcome.ts'

export class LinkConnection extends WebSocketConnection implements StreamFanout {
  readonly size = 1
  /** Called once it has gone. */
  left: () => void = () => undefined
  #link: LinkSocket | undefined
  readonly #mode: 'sse' | 'poll'
  #ledger: Account | undefined
  readonly #form: Form<Buffer>

  constructor(
    mode: 'sse' | 'poll',
    ...[arrived, context]: ConstructorParameters<typeof WebSocketConnection>
  ) {
    super(arrived, context)
    this.#mode = mode
    this.#form = arrived.conversation.form
  }

  override get transport(): 'sse' | 'poll' {
    return this.#mode
  }

  override opened(socket: LinkSocket): void {
    this.#link = socket
    super.opened(socket)
  }

  /** Idempotent: a client may go while it is being closed. */
  override gone(code: number): void {
    if (this.closed) return
    super.gone(code)
    this.left()
  }

  override hasRoom(): boolean {
    return this.#link?.slow !== true && super.hasRoom()
  }

  override joined(session: Session, welcome: Welcome, account: Account | undefined): void {
    this.#ledger = account
    super.joined(session, welcome, account)
  }

  override attach(fanout: Fanout): void {
    fanout.addStreams(this)
    this.#ledger?.joined(fanout.messages)
  }

  override detach(fanout: Fanout): void {
    fanout.removeStreams(this)
    this.#ledger?.left(fanout.messages)
  }

  /** It is on no topic that others could be reached on: it leaves for this one message. */
  override stepAside(fanout: Fanout): undefined {
    this.detach(fanout)
  }

  // StreamFanout

  message(_channel: string, encoded: Encoded): void {
    this.deliver(encoded)
    // The channel counts it, for all who are live.
    if (this.#ledger !== undefined) this.#ledger.messages--
  }

  event(encoded: EncodedEvent): void {
    const written = encoded.as(this.#form)
    if (written !== undefined) this.write(written)
  }
}
