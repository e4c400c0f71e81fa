/** A history, sorted by what the rules ask about. Pure. */
import type { HistoryEvent } from '../history.ts'

type Of<Kind extends HistoryEvent['kind']> = Extract<HistoryEvent, { readonly kind: Kind }>

export interface Violation {
  readonly rule: string
  readonly at: number
  readonly text: string
}

/** A message is in a log here: a publisher was told so, or a node has read it there. */
export interface Stored {
  readonly epoch: string
  readonly offset: number
  readonly at: number
  readonly by: string
}

export interface Published {
  readonly message: number
  readonly channel: string
  readonly sentAt: number
  readonly stored: Stored[]
}

/** What a client was shown from its start, or from a reset, up to the next reset. */
export interface Stretch {
  readonly begun: Of<'start'> | Of<'reset'>
  readonly shown: Of<'shown'>[]
}

export interface Member {
  readonly info: Of<'client'>
  readonly stretches: Map<string, Stretch[]>
}

export interface Story {
  readonly events: readonly HistoryEvent[]
  readonly members: ReadonlyMap<string, Member>
  readonly published: ReadonlyMap<number, Published>
  readonly byChannel: ReadonlyMap<string, readonly Published[]>
  /** Of what makes no sense at all, such as a message for a client that nobody knows. */
  readonly nonsense: readonly Violation[]
}

export function tell(events: readonly HistoryEvent[]): Story {
  const members = new Map<string, Member>()
  const published = new Map<number, Published>()
  const byChannel = new Map<string, Published[]>()
  const nonsense: Violation[] = []
  const unknown = (event: HistoryEvent, text: string): void =>
    void nonsense.push({ rule: 'nonsense', at: event.at, text })

  for (const event of events) {
    switch (event.kind) {
      case 'client':
        members.set(event.client, { info: event, stretches: new Map() })
        break
      case 'start':
      case 'reset':
      case 'shown': {
        const member = members.get(event.client)
        if (member === undefined) unknown(event, `${event.client} is nobody's name`)
        else continueStretch(member, event, unknown)
        break
      }
      case 'sent': {
        const { message, channel, at } = event
        const one = { message, channel, sentAt: at, stored: [] }
        published.set(message, one)
        listOf(byChannel, channel).push(one)
        break
      }
      case 'confirmed':
        store(published, event.message, event.channel, { ...event, by: event.door }, unknown, event)
        break
      case 'log':
        for (const [offset, message] of event.entries) {
          const stored = { epoch: event.epoch, offset, at: event.at, by: `the log at ${event.node}` }
          store(published, message, event.channel, stored, unknown, event)
        }
        break
      case 'final':
      case 'trouble':
      case 'refused':
      case 'abandoned':
      case 'present':
      case 'session':
      case 'fault':
      case 'ended':
      case 'end':
        break
    }
  }
  return { events, members, published, byChannel, nonsense }
}

function continueStretch(
  { stretches, info }: Member,
  event: Of<'start'> | Of<'reset'> | Of<'shown'>,
  unknown: (event: HistoryEvent, text: string) => void,
): void {
  const list = listOf(stretches, event.channel)
  if (event.kind !== 'shown') {
    list.push({ begun: event, shown: [] })
    return
  }
  const last = list.at(-1)
  if (last === undefined) unknown(event, `${info.client} is shown ${describe(event)} before it is subscribed`)
  else last.shown.push(event)
}

function store(
  published: ReadonlyMap<number, Published>,
  message: number,
  channel: string,
  { epoch, offset, at, by }: Stored,
  unknown: (event: HistoryEvent, text: string) => void,
  event: HistoryEvent,
): void {
  const one = published.get(message)
  if (one === undefined || one.channel !== channel)
    unknown(event, `message ${message} is at ${channel} ${epoch}:${offset}, and was never published there`)
  else one.stored.push({ epoch, offset, at, by })
}

export function describe({ message, channel, offset }: Of<'shown'>): string {
  return `message ${message} at ${channel}:${offset}`
}

export function listOf<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  let list = lists.get(key)
  if (list === undefined) lists.set(key, (list = []))
  return list
}
