/**
 * The smallest wire protocol that there can be, to hold the seam: a word, a channel and the rest, on a line each. What it cannot say
 * it refuses. It is spoken over WebSockets, proves who somebody is by his name alone, and lets channels start after an offset.
 *
 *   client:  hello NAME · join CHANNEL [EPOCH OFFSET | last COUNT] · leave CHANNEL · put CHANNEL PAYLOAD
 *   server:  hi SESSION · joined CHANNEL · left CHANNEL · msg CHANNEL PAYLOAD · lost CHANNEL WHY · no WHY MESSAGE · bye WHY
 */
import type {
  Conversation,
  Dialect,
  Farewell,
  Hello,
  Link,
  Teller,
  Reception,
} from '../../src/dialect/dialect.ts'
import { closingOf, Closing, type CloseReason } from '../../src/errors.ts'
import { publicName } from '../../src/protocol/channel.ts'
import type { EncodedReset } from '../../src/protocol/encoded-reset.ts'
import { Written, type Form } from '../../src/protocol/form.ts'
import type { From } from '../../src/protocol/position.ts'
import type { Session } from '../../src/session/session.ts'

const WHYS: readonly CloseReason[] = [
  ...(['tooLarge', 'internal', 'goingAway', 'tryLater', 'malformed', 'unauthorized', 'forbidden'] as const),
  ...(['connectTimeout', 'takenOver', 'rateLimited', 'notAdmitted', 'tooSlow'] as const),
]

/** How many messages were written down: one for each message and node, whoever gets it. */
export const toyCounts = { messages: 0 }

const LINES: Form<Buffer> = {
  topicPrefix: 'toy ',
  message({ channel, data }) {
    toyCounts.messages++
    return new Written(Buffer.from(`msg ${publicName(channel)} ${Buffer.from(data).toString()}`))
  },
  reset: ({ channel, reason }) => new Written(Buffer.from(`lost ${publicName(channel)} ${reason}`)),
  // Nobody asks who is here.
  event: () => undefined,
}

class ToyTalk implements Conversation<Buffer> {
  readonly form = LINES
  readonly #reception: Reception

  constructor(reception: Reception) {
    this.#reception = reception
  }

  received(link: Link, message: ArrayBuffer): void {
    const [word = '', channel = '', ...rest] = Buffer.from(message).toString().split(' ')
    const { session } = link
    if (session === undefined) this.#greet(link, word, channel)
    else if (word === 'join') {
      const told = (): void => link.say(`joined ${channel}`, word)
      this.#answer(link, session.subscribe(channel, fromOf(rest), told))
    } else if (word === 'leave')
      this.#answer(
        link,
        session.unsubscribe(channel, () => link.say(`left ${channel}`, word)),
      )
    else if (word === 'put') {
      const payload = { data: Buffer.from(rest.join(' ')), binary: false }
      this.#answer(link, session.publish({ channel, payload, id: undefined, event: undefined }))
    } else link.end(new Closing('malformed', 'bad_request', `${word} is no word`))
  }

  joined(link: Link, { id }: Session): this {
    link.say(`hi ${id}`, 'hi')
    return this
  }

  subscribed(link: Teller, channel: string): void {
    link.say(`in ${channel}`, 'in')
  }

  unsubscribed(link: Teller, channel: string): void {
    link.say(`left ${channel}`, 'left')
  }

  reset(link: Link, reset: EncodedReset): void {
    const written = reset.as(this.form)
    if (written !== undefined) link.write(written)
  }

  move(): 'leaves' {
    return 'leaves'
  }

  // There is no word for a fresh token: it ends when its token does.
  reauth(): void {}
  opened(): void {}
  gone(): void {}

  #greet(link: Link, word: string, user: string): void {
    if (word !== 'hello') {
      link.end(new Closing('unauthorized', 'unauthorized', 'hello comes first'))
      return
    }
    link.introduced()
    const permissions = { maySubscribe: () => true, mayPublish: () => true, mayReadHistory: () => true }
    const identity = { user, permissions, expiresAtMs: undefined, issuedAtMs: undefined }
    const request = { session: undefined, departure: undefined, channels: new Map(), partial: true }
    this.#reception.connect(link, identity, request).catch((error: unknown) => link.end(closingOf(error)))
  }

  #answer(link: Link, done: Promise<unknown>): void {
    done.catch((thrown: unknown) => {
      const error = link.session?.refusal(thrown)
      if (error !== undefined) link.say(`no ${error.code} ${error.message}`, 'no')
    })
  }
}

function fromOf([first, second]: readonly string[]): From | undefined {
  if (first === undefined) return undefined
  return first === 'last' ? { last: Number(second) } : { epoch: first, offset: Number(second) }
}

export class ToyDialect implements Dialect {
  readonly name = 'toy'
  readonly refuses = (closing: Closing): Closing => closing
  readonly closeCodes = Object.fromEntries(
    WHYS.map((why, index) => [why, 4000 + index]),
  ) as Dialect['closeCodes']
  readonly #talk: ToyTalk

  constructor(reception: Reception) {
    this.#talk = new ToyTalk(reception)
  }

  hello(): Hello {
    return { token: undefined, ticket: undefined, turns: undefined, subprotocol: '' }
  }

  converse(): Conversation<Buffer> {
    return this.#talk
  }

  farewell({ why, code, message }: Closing): Farewell {
    return { text: `bye ${why} ${code} ${message}`, reason: message }
  }
}
