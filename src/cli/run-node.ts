/**
 * A node for as long as a command runs.
 */
import { CommandError } from './command-error.ts'
import { Distrust } from './distrust.ts'
import { Reload } from './reload.ts'
import { StopSignals } from './stop-signals.ts'
import { EXIT_INTERRUPTED, type Signal, type Terminal } from './terminal.ts'
import { releaseYoungGeneration } from './young-generation.ts'
import { systemClock } from '../clock.ts'
import { commandAlarm } from '../drivers/command-alarm.ts'
import { HEALTH_DEFAULTS } from '../observe/health.ts'
import { watch } from '../observe/watchdog.ts'
import type { Config } from '../config/schema.ts'
import type { Node } from '../node/contract.ts'

/** A loop that has stood still for this part of what liveness allows is reported. */
const REPORT_SHARE = 0.5

export interface NodeRun {
  readonly config: Config
  /** At SIGHUP: the configuration as it is now. Absent: SIGHUP ends the command, as a terminal does that is closed. */
  readonly reload?: () => Config
  readonly started?: (node: Node) => Promise<void> | void
}

/** Until the node has stopped: a signal asked for it (`stop-signals.ts` says how), or an operator. */
export async function runNode(run: NodeRun, terminal: Terminal): Promise<void> {
  const { config, reload } = run
  let reloading: Reload | undefined
  let early = false
  // From the first moment on: a signal that nobody listens to would end the process.
  if (reload !== undefined) {
    terminal.onHangup(() => {
      if (reloading === undefined) early = true
      else reloading.now()
    })
  }
  // Here, so that other commands do not load the whole gateway.
  const { createNode } = await import('../node/node.ts')
  const node = await createNode(config)
  terminal.onSiblingsStop(() => node.leaveWithOthers())
  const distrust = new Distrust(node, (code) => terminal.exit(code))
  terminal.onUncaught((kind, error) => distrust.met(kind, error))
  const unwatch = watch(
    {
      stillMs: HEALTH_DEFAULTS.stuckLagMs * REPORT_SHARE,
      directory: config.log.reports,
      bindings: { node: node.id },
    },
    {
      clock: systemClock,
      alarm: commandAlarm,
      failed: (error) => node.caught('task', error, { what: 'the watchdog' }),
    },
  )
  const failed = new Promise<never>((_, reject) => {
    const signals = new StopSignals()
    terminal.onSignal((signal) => {
      stop(node, signals, signal, terminal)?.catch(reject)
    })
  })
  try {
    await node.start()
    distrust.started()
    if (reload !== undefined) reloading = new Reload(node, config, reload)
    if (early) reloading?.now()
    await run.started?.(node)
    releaseYoungGeneration()
    await Promise.race([node.end, failed])
  } finally {
    await node.close()
    unwatch()
  }
  if (distrust.ended)
    throw new CommandError('the node has ended, since it had met a fault: its log says which', 1)
}

function stop(
  node: Node,
  signals: StopSignals,
  signal: Signal,
  terminal: Terminal,
): Promise<void> | undefined {
  const what = signals.heard(signal, systemClock.monotonicMs())
  if (what !== 'none') node.log.info({ signal, what }, 'a signal came')
  switch (what) {
    case 'drain':
      return node.drain()
    case 'hurry':
      node.hurry()
      return undefined
    case 'close':
      return node.close()
    case 'exit':
      terminal.exit(EXIT_INTERRUPTED)
      return undefined
    case 'none':
      return undefined
    default:
      return what satisfies never
  }
}
