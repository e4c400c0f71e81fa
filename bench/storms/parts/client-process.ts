/** A process full of clients, which its runner may put to sleep as a whole. */
import WebSocket from 'ws'
import { answerSteps } from '../../lib/steps.ts'
import type { JoinOrder, Journey, Outcome, Published } from './herd-terms.ts'
import { countPath, newJourney } from './journeys.ts'
import { NearestNode } from './nearest-node.ts'
import type { WebSocketConstructor } from '../../../src/client/index.ts'
import { tokenOf } from '../../../test/support/gateway-process.ts'
import { joinAs, type Member } from '../../../test/support/members.ts'
import { count, emptyTally, type Places } from '../../../test/support/tally.ts'

const JOINING_AT_ONCE = 50
/** The SDK's own pauses, since what is told is what users have. */
const SHIPPED_BACKOFF = { baseMs: 1000, maxMs: 20_000 }
/** A plain client that is written with care comes back at a random moment within this time. */
const PLAIN_RETURN_MS = 1000
const POLL_SECONDS = 25
const INBOX = '@inbox'
const GAVE_UP_LOOK_MS = 500

const members: Member[] = []

answerSteps({
  /** Resolves once each has a position on each of its channels. */
  async join({ from, count: wanted, kinds, channels, port, nodes }: JoinOrder): Promise<void> {
    const nearest = nodes === undefined ? undefined : await NearestNode.among(nodes)
    let next = from
    const worker = async (): Promise<void> => {
      while (next < from + wanted) {
        const index = next++
        const user = `user-${index}`
        // As a CDN in front would say: each has an address of his own.
        const headers = { 'x-forwarded-for': addressOf(index) }
        const kind = kinds[index % kinds.length] as Member['kind']
        const target = {
          port,
          token: await tokenOf(user),
          user,
          channels: [channels[index % channels.length] as string],
          headers,
          backoff: SHIPPED_BACKOFF,
          returnMs: PLAIN_RETURN_MS,
          pollSeconds: POLL_SECONDS,
          WebSocket: nearest?.webSocket(headers) ?? withHeaders(headers),
        }
        members.push(await joined(() => joinAs(kind, target)))
      }
    }
    await Promise.all(Array.from({ length: JOINING_AT_ONCE }, worker))
  },
  outcome(published: Published): Outcome {
    const places = new Map<string, Places>(
      Object.entries(published).map(([channel, list]) => [
        channel,
        new Map(list.map(([number, epoch, offset]) => [number, { epoch, offset }])),
      ]),
    )
    const nothing: Places = new Map()
    const tally = emptyTally()
    const journeys: Record<string, Journey> = {}
    for (const member of members) {
      const own = [...member.channels.map((name) => [name, name]), [INBOX, `@${member.user}`]] as const
      for (const [shown, name] of own) count(member.seen(shown), places.get(name) ?? nothing, tally)
      const journey = (journeys[member.kind] ??= newJourney())
      journey.clients++
      journey.moves += member.moves()
      if (member.kind === 'sdk') countPath(journey.paths, member.welcomedBy.join('>'))
      journey.refusals += member.refusals()
      if (member.gaveUp()) journey.gaveUp++
      journey.gapsMs.push(...member.gapsMs)
    }
    return { tally, journeys }
  },
})

/** An `EventSource` that is sent away by a node that is busy never comes back: another one is begun in its place. */
async function joined(join: () => Member): Promise<Member> {
  for (;;) {
    const member = join()
    let looking: NodeJS.Timeout | undefined
    const gaveUp = new Promise<'gave up'>((resolve) => {
      looking = setInterval(() => member.gaveUp() && resolve('gave up'), GAVE_UP_LOOK_MS)
    })
    const outcome = await Promise.race([member.ready, gaveUp])
    clearInterval(looking)
    if (outcome !== 'gave up') return member
    member.close()
  }
}

function addressOf(index: number): string {
  return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`
}

function withHeaders(headers: Readonly<Record<string, string>>): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, { headers })
    }
  }
}
