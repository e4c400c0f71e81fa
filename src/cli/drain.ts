/**
 * `sluice drain`: moves the clients of a node, or of several nodes one after the other, to the others.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { CommandError } from './command-error.ts'
import { barLine, movesPerClient, progressLine, reportLines, type DrainedNode } from './drain-view.ts'
import { cordon as cordonNodes } from './orders.ts'
import { addApiOptions, ApiFailure, apiOf, type ApiOptions, GatewayApi } from './gateway-api.ts'
import type { Terminal } from './terminal.ts'
import { fits } from '../cluster/orders.ts'
import { EXIT_USAGE } from '../config/config-error.ts'
import type { DrainProgress } from '../drain/drain.ts'
import type { NodeInfo } from '../registry/registry.ts'

const LOOK_INTERVAL_MS = 500
/** A node that has died is in the table for some seconds, and Redis may be away for some. */
const SILENCE_MAX_MS = 30_000
/** In a pipe a line each time would be a flood. */
const LINE_INTERVAL_MS = 5000

const EXAMPLES = `
Examples:
  $ sluice drain 4f1c                              the node whose id begins so, as its configuration says
  $ sluice drain 4f1c --batch 5% --every 2m --watch
  $ sluice drain --version '1.4.*' --over 10m --report drain.json
  $ sluice drain --region eu --over 5m             node by node
  $ sluice drain --region eu --to eu-west          and its clients go to another region
  $ sluice drain 4f1c --cordon                     and it stays out when its supervisor starts it again
  $ sluice drain 4f1c --pause                      and --resume, --now, --cancel

The node stops when it is empty. Where several are drained, the next one begins when the last one has gone.
`

interface Options extends ApiOptions {
  readonly batch?: string
  readonly every?: string
  readonly over?: string
  readonly fast?: true
  readonly version?: string
  readonly region?: string
  readonly to?: string
  readonly pause?: true
  readonly resume?: true
  readonly now?: true
  readonly cancel?: true
  readonly cordon?: true
  readonly watch?: true
  readonly report?: string
}

interface Answer {
  readonly node: string
  readonly drain: DrainProgress | null
}

export function addDrain(program: Command, terminal: Terminal): void {
  addApiOptions(
    program
      .command('drain')
      .summary('move the clients of a node elsewhere, and stop it')
      .description(
        'Moves the clients of a node to the others, at a pace that the cluster takes, and stops the node.',
      )
      .argument('[nodes...]', 'ids of nodes, or their beginnings')
      .option('--batch <size>', 'connections in each batch: a number, or a part such as 5%')
      .option('--every <time>', 'time between two batches')
      .option('--over <time>', 'all connections, spread over this time')
      .option('--fast', 'as fast as the others take them, and no faster')
      .option('--version <pattern>', 'all nodes of a version, such as 1.4.*, one after the other')
      .option('--region <region>', 'all nodes of a region, one after the other')
      .option(
        '--to <region>',
        'clients go to this region, to where its nodes say that it is reached (node.publicUrl)',
      )
      .option('--pause', 'ask nobody to move for now')
      .option('--resume', 'go on')
      .option('--now', 'ask everybody at once')
      .option('--cancel', 'the node stays, and takes clients again')
      .option('--cordon', 'keep it out, also when its supervisor starts it again; sluice uncordon ends that')
      .option('--watch', 'wait for the end, and show how it goes')
      .option('--report <file>', 'wait for the end, and write what became of whom, as JSON'),
    'any node',
    'admin',
  )
    .addHelpText('after', EXAMPLES)
    .action((names: readonly string[], options: Options) => drain(names, options, terminal))
}

async function drain(names: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const api = apiOf(options, terminal.env)
  const wish = wishOf(options)
  const { nodes } = (await api.get('/v1/nodes')) as { readonly nodes: readonly NodeInfo[] }
  const chosen = chosenNodes(nodes, names, options)
  const begins = !(options.pause || options.resume || options.cancel)
  const waits = begins && (options.watch === true || options.report !== undefined || chosen.length > 1)
  if (options.cordon) await cordonAll(api, chosen, options)
  const drained: DrainedNode[] = []
  // One after the other: those who moved from the first are not to move again with all the others.
  for (const node of chosen) {
    const answer = (await (options.cancel
      ? api.delete(pathOf(node))
      : api.post(pathOf(node), JSON.stringify(wish)))) as Answer
    if (answer.drain !== null) terminal.tell(progressLine(node.id, answer.drain))
    if (!waits) continue
    const last = await watch(api, node, terminal)
    drained.push({ id: node.id, region: node.region, version: node.version, drain: last })
    if (last.state === 'cancelled') break
  }
  if (drained.length === 0) return
  for (const line of reportLines(drained)) terminal.print(line)
  const moves = movesPerClient(drained)
  if (moves !== undefined) terminal.print(`${moves} moves per client`)
  if (options.report !== undefined) {
    const report = { nodes: drained, movesPerClient: moves ?? null }
    writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`)
  }
  const [stayed] = drained.filter((one) => one.drain.state === 'cancelled')
  if (stayed !== undefined) throw new CommandError(`the drain of node ${stayed.id} was cancelled`)
}

/** What is started again has another id, and elsewhere another address too: where a version is meant, the version is kept out. */
function cordonAll(
  api: GatewayApi,
  chosen: readonly NodeInfo[],
  { version, region }: Options,
): Promise<void> {
  if (version !== undefined && region === undefined) return cordonNodes(api, [], { version })
  return cordonNodes(
    api,
    chosen.map(({ id }) => id),
    {},
  )
}

/** Until the node has gone or stays; answers what it said last. Fails where it says nothing for long. */
async function watch(api: GatewayApi, node: NodeInfo, terminal: Terminal): Promise<DrainProgress> {
  let last: DrainProgress | undefined
  let told = ''
  let toldAtMs = 0
  let heardAtMs = Date.now()
  for (;;) {
    const now = await look(api, node)
    if (now instanceof ApiFailure) {
      if (Date.now() - heardAtMs > SILENCE_MAX_MS) {
        if (terminal.interactive) terminal.update('')
        throw new CommandError(
          `nothing was heard of node ${node.id} for ${SILENCE_MAX_MS / 1000} s (${now.message}): its drain may go on; sluice status shows`,
        )
      }
      await delay(LOOK_INTERVAL_MS)
      continue
    }
    // It has stopped, and with it whoever could say how it went after the last look.
    if (now === undefined || now === null) break
    heardAtMs = Date.now()
    last = now
    if (terminal.interactive) terminal.update(barLine(node.id, now))
    else {
      const state = `${now.state} ${now.holding ?? ''}`
      if (state !== told || Date.now() - toldAtMs >= LINE_INTERVAL_MS) {
        terminal.tell(progressLine(node.id, now))
        told = state
        toldAtMs = Date.now()
      }
    }
    if (now.state === 'gone' || now.state === 'cancelled') break
    await delay(LOOK_INTERVAL_MS)
  }
  if (terminal.interactive) terminal.update('')
  if (last === undefined) throw new CommandError(`node ${node.id} stopped before it said how its drain goes`)
  return last.state === 'cancelled' ? last : { ...last, state: 'gone' }
}

/** `undefined`: the node is not there any more. A failure says nothing of the node: Redis may be away, or who was asked. */
async function look(api: GatewayApi, node: NodeInfo): Promise<DrainProgress | null | undefined | ApiFailure> {
  try {
    return ((await api.get(pathOf(node))) as Answer).drain
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error
    if (error.code === 'not_found') return undefined
    if (error.code === 'unavailable' || error.code === 'unreachable') return error
    throw error
  }
}

function pathOf({ id }: NodeInfo): string {
  return `/v1/nodes/${encodeURIComponent(id)}/drain`
}

function wishOf({ batch, every, over, fast, to, pause, resume, now, cancel, cordon }: Options): object {
  const words = Object.entries({ pause, resume, now, cancel }).filter(([, said]) => said)
  if (words.length > 1) {
    throw new CommandError(
      `${words.map(([word]) => `--${word}`).join(' and ')} do not go together: one of them at a time`,
      EXIT_USAGE,
    )
  }
  if (cordon && (pause || resume || cancel)) {
    throw new CommandError(
      '--cordon begins a drain: it does not go with --pause, --resume or --cancel',
      EXIT_USAGE,
    )
  }
  if (cancel && (batch !== undefined || every !== undefined || over !== undefined || fast)) {
    throw new CommandError('--cancel takes no pace', EXIT_USAGE)
  }
  if ((batch === undefined) !== (every === undefined) || (batch !== undefined && over !== undefined)) {
    throw new CommandError('the pace is --batch and --every together, or --over alone', EXIT_USAGE)
  }
  if (to !== undefined && (pause || resume || cancel)) {
    throw new CommandError(
      '--to begins a drain: it does not go with --pause, --resume or --cancel',
      EXIT_USAGE,
    )
  }
  if (fast && (batch !== undefined || over !== undefined)) {
    throw new CommandError('--fast is a pace: it does not go with --batch and --every, or --over', EXIT_USAGE)
  }
  const plan = fast ? 'fast' : batch === undefined ? over : `${batch}/${every}`
  return {
    ...(plan === undefined ? {} : { plan }),
    ...(to === undefined ? {} : { to }),
    ...(pause ? { paused: true } : resume ? { paused: false } : {}),
    ...(now ? { finish: true } : {}),
  }
}

function chosenNodes(
  nodes: readonly NodeInfo[],
  names: readonly string[],
  { version, region }: Options,
): NodeInfo[] {
  if (names.length === 0 && version === undefined && region === undefined) {
    throw new CommandError(
      'which node? Give an id (sluice status shows them), --version or --region',
      EXIT_USAGE,
    )
  }
  const named = names.map((name) => {
    const found = nodes.filter(({ id }) => id.startsWith(name))
    if (found.length === 1) return found[0] as NodeInfo
    const why = found.length === 0 ? 'there is no such node' : `${found.length} nodes begin so`
    throw new CommandError(`${name}: ${why}; sluice status shows all`, EXIT_USAGE)
  })
  const chosen = (names.length === 0 ? nodes : named).filter(
    (node) =>
      (version === undefined || fits(version, node.version)) &&
      (region === undefined || node.region === region),
  )
  if (chosen.length > 0) return chosen.toSorted((a, b) => a.startedAt - b.startedAt)
  throw new CommandError('no node fits; sluice status shows all')
}
