/** What each client was shown, beside what was published. Pure. */
import { DURABLE, namespaceOf, type HistoryEvent } from '../history.ts'
import { describe, type Member, type Published, type Story, type Stretch, type Violation } from './story.ts'

type Shown = Extract<HistoryEvent, { readonly kind: 'shown' }>

/** Nobody gets what is not his. */
export function strangers({ members }: Story): Violation[] {
  return eachShown(members, ({ info }, _stretch, shown) => {
    if (shown.to !== shown.channel) return ['wrong channel', `and it was published to ${shown.to}`]
    if (!info.channels.includes(shown.channel)) return ['wrong user', `and is not subscribed to that`]
    return undefined
  })
}

/** In order, and no place twice; in the epoch that is in force; where the log has it. */
export function places({ members, published }: Story): Violation[] {
  return eachShown(members, (_member, { begun, shown: all }, shown, index) => {
    const before = all[index - 1]?.offset ?? begun.offset
    if (shown.offset <= before) return ['out of order', `after ${before}`]
    // Redis numbers without gaps, so a hole shows even where nobody has confirmed what is missing.
    if (shown.offset > before + 1 && namespaceOf(shown.channel) !== DURABLE)
      return ['hole', `after ${before}`]
    if (shown.epoch !== undefined && shown.epoch !== begun.epoch)
      return ['epoch without a reset', `in epoch ${shown.epoch} while ${begun.epoch} is in force`]
    const here = published.get(shown.message)?.stored.filter(({ epoch }) => epoch === begun.epoch) ?? []
    const elsewhere = here.find(({ offset }) => offset !== shown.offset)
    if (elsewhere === undefined) return undefined
    return ['elsewhere', `and ${elsewhere.by} has it at ${elsewhere.epoch}:${elsewhere.offset}`]
  })
}

/** Once. A message that was published again in another epoch is another one; the reset between them said so. */
export function repeats({ members }: Story): Violation[] {
  const violations: Violation[] = []
  for (const { info, stretches } of members.values()) {
    for (const list of stretches.values()) {
      const seen = new Map<string, number>()
      for (const { begun, shown: all } of list) {
        for (const shown of all) {
          const key = `${begun.epoch} ${shown.message}`
          const first = seen.get(key)
          if (first === undefined) seen.set(key, shown.offset)
          else
            violations.push({
              rule: 'twice',
              at: shown.at,
              text: `${info.client} is shown ${describe(shown)}, and was at ${first}`,
            })
        }
      }
    }
  }
  return violations
}

/** Everything that is in a log comes to everybody who was subscribed, or a reset stands in its place. */
export function losses({ members, byChannel }: Story): Violation[] {
  const violations: Violation[] = []
  for (const { info, stretches } of members.values()) {
    for (const channel of info.channels) {
      const list = stretches.get(channel)
      if (list === undefined || list.length === 0) {
        violations.push({ rule: 'never subscribed', at: info.at, text: `${info.client} to ${channel}` })
        continue
      }
      const shown = new Set(list.flatMap((stretch) => stretch.shown.map(({ message }) => message)))
      for (const one of byChannel.get(channel) ?? []) {
        if (shown.has(one.message)) continue
        const why = lostAt(list, one)
        if (why !== undefined)
          violations.push({ ...why, text: `${info.client} was not shown ${why.text}; ${timeOf(list)}` })
      }
    }
  }
  return violations
}

/** Where a message that was not shown should have been, or nothing where a reset covers it or it came before the start. */
function lostAt(
  list: readonly Stretch[],
  { message, channel, sentAt, stored }: Published,
): Violation | undefined {
  for (const { epoch, offset, at, by } of stored) {
    const name = `message ${message}, which ${by} has at ${channel} ${epoch}:${offset}`
    const passed = list.find(
      ({ begun, shown }) =>
        begun.epoch === epoch && begun.offset < offset && (shown.at(-1)?.offset ?? 0) > offset,
    )
    if (passed !== undefined) {
      const next = passed.shown.find((shown) => shown.offset > offset) as Shown
      return { rule: 'hole', at: next.at, text: `${name}, but then ${describe(next)}` }
    }
    if (isAhead(list, epoch, offset, sentAt))
      return { rule: 'lost', at, text: `${name}, nor told of a reset` }
  }
  return undefined
}

/** Whether the client still waits for what is at this place: it lies after its start, and no reset has covered it. */
function isAhead(list: readonly Stretch[], epoch: string, offset: number, sentAt: number): boolean {
  const [first] = list as readonly [Stretch, ...Stretch[]]
  const since = first.begun.epoch === epoch ? offset > first.begun.offset : sentAt > first.begun.at
  if (!since) return false
  // What came before the client was on this log for the last time covers nothing of it.
  const last = list.findLastIndex(({ begun }) => begun.epoch === epoch && begun.offset < offset)
  const covered = list.slice(last + 1).some(({ begun }) => {
    if (begun.kind !== 'reset' || begun.at < sentAt) return false
    // A reset of the same log covers what lies before it only.
    return begun.epoch !== epoch || begun.offset >= offset
  })
  return !covered
}

function timeOf(list: readonly Stretch[]): string {
  const resets = list.filter(({ begun }) => begun.kind === 'reset')
  const told = resets.map(({ begun: { epoch, offset, at } }) => `${epoch}:${offset} at ${at} ms`)
  return told.length === 0 ? 'it was told of no reset' : `it was told of resets: ${told.join(', ')}`
}

function eachShown(
  members: Story['members'],
  look: (
    member: Member,
    stretch: Stretch,
    shown: Shown,
    index: number,
  ) => readonly [rule: string, text: string] | undefined,
): Violation[] {
  const violations: Violation[] = []
  for (const member of members.values()) {
    for (const list of member.stretches.values()) {
      for (const stretch of list) {
        for (const [index, shown] of stretch.shown.entries()) {
          const wrong = look(member, stretch, shown, index)
          if (wrong === undefined) continue
          const text = `${member.info.client} is shown ${describe(shown)} ${wrong[1]}`
          violations.push({ rule: wrong[0], at: shown.at, text })
        }
      }
    }
  }
  return violations
}
