/**
 * docs/sizing.md, made of the factors and the arithmetic that `sluice size` uses.
 */
import {
  BUSY_MAX,
  CONNECTS_PER_SECOND,
  FACTORS,
  INSTANCE,
  LOG_MESSAGES_MAX,
  LOG_TTL_S,
  PRICES_OF,
  type Factor,
} from './factors.ts'
import { sizeLines, type Load } from './sizing.ts'

const COMMON = { payloadBytes: 256, subscriptions: 3, perNode: 50_000, pricePerHour: INSTANCE.perHour }

const LOADS: readonly (readonly [string, Load])[] = [
  ['100 thousand', { ...COMMON, connections: 100_000, channels: 10_000, publishes: 100, fanout: 100 }],
  ['1 million', { ...COMMON, connections: 1_000_000, channels: 100_000, publishes: 500, fanout: 100 }],
  ['10 million', { ...COMMON, connections: 10_000_000, channels: 1_000_000, publishes: 2000, fanout: 100 }],
]

export function sizingPage(): string {
  return `${INTRO}

## Three sizes

${scenarios()}

${READING}

## What it reckons with

${factors()}

${RULES}
`
}

function scenarios(): string {
  const columns = LOADS.map(([, load]) => sizeLines(load))
  const rows = (columns[0] ?? []).map(([what], row) => [
    what,
    ...columns.map((lines) => lines[row]?.[1] ?? ''),
  ])
  return table(['', ...LOADS.map(([name]) => name)], rows)
}

function factors(): string {
  return table(
    ['what', 'value', 'from'],
    Object.values(FACTORS).map(({ what, value, unit, by }: Factor) => [
      what,
      `${value.toLocaleString('en-US')} ${unit}`,
      by === undefined ? '**not measured: a guess**' : commandOf(by),
    ]),
  )
}

function commandOf(by: string): string {
  const [command = '', row] = by.split(': ')
  return `\`${command}\`${row === undefined ? '' : ` (${row})`}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const INTRO = `# Sizing

Reckoned, not tried: no cluster of ours had more than ten thousand clients on one machine. What each connection and each message costs was
measured; this page multiplies. \`npm run docs:sizing\` writes it, and \`sluice size\` reckons the same for your own numbers:

\`\`\`sh
sluice size --connections 1e6 --channels 1e5 --publishes 500 --fanout 100 --per-node 50000
\`\`\``

const READING = `${LOADS.map(([name, { channels, publishes, fanout }]) => `**${name}**: ${channels.toLocaleString('en-US')} channels, ${publishes.toLocaleString('en-US')} publishes/s to ${fanout} subscribers each`).join('; ')}. All with 3 channels
for each connection, payloads of 256 bytes, and at most 50,000 connections to a node.

- **A deploy** one by one takes long at \`5%/2m\` on purpose. \`parallel\`, a shorter plan, or one job for a whole version shorten it; who moves is served
  all the while. See [operations](operations.md#drains-of-several-nodes).
- **The usual figures** are 50 to 100 thousand connections a server and 10 to 50 kB each. Ours: 2.3 kB for a silent one, 11 kB under traffic with the growth of the
  process in it, 14 kB with the kernel; so 50 thousand are some 700 MB, and what ends a node first is its one core.
- **At 10 million** one NATS cluster carries the messages to all nodes and one Redis all sessions; neither was tried at that size. Regions apart, each a cluster of
  its own, are the safer way.
- **The clients of a lost node** come back as the others let them in; the SDK spreads its attempts, so it takes longer than that, and on purpose.`

const RULES = `- **Nodes**: connections by the most that one shall have, or more, until no loop is busy for more than ${BUSY_MAX * 100} %: publishes, messages that a node hears, deliveries. A delivery costs as with messages
  one at a time, unless a node hears over a thousand in a second.
- **Messages heard**: each subscriber is on any node, so a message with many subscribers goes to nearly all of them.
- **A lost node**: \`admission.connectionsPerSecond\` (${CONNECTS_PER_SECOND}) at each of the others. **A deploy**: \`drain.plan\` (\`5%/2m\`).
- **Redis**: at most ${LOG_MESSAGES_MAX} messages of a channel and ${LOG_TTL_S} s (\`max\`, \`ttl\`), and each session.
- **Machines**: ${INSTANCE.name}, ${INSTANCE.perHour} USD an hour on demand in us-east-1, as known in ${PRICES_OF} and not looked up since (\`--price\`), as many nodes on one as it has cores and
  memory for, and six more for Redis and NATS. Traffic between zones and to the internet is not in it, and may well be more than all of that.`
