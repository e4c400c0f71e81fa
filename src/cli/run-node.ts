/**
 * A node for as long as a command runs.
 */
import { CommandError } from './command-error.ts'
import { Distrust } from './distrust.ts'
import { EXIT_INTERRUPTED, type Terminal } from './terminal.ts'
import type { Config } from '../config/schema.ts'
import type { Node } from '../node.ts'

/** Until the node has stopped: a signal asked for it, or an operator. A second signal ends the process at once. */
export async function runNode(
  config: Config,
  terminal: Terminal,
  started: (node: Node) => Promise<void> | void,
): Promise<void> {
  // Here, so that other commands do not load the whole gateway.
  const { createNode } = await import('../node.ts')
  const node = await createNode(config)
  terminal.onSiblingsStop(() => node.leaveWithOthers())
  const distrust = new Distrust(node, (code) => terminal.exit(code))
  terminal.onUncaught((kind, error) => distrust.met(kind, error))
  const failed = new Promise<never>((_, reject) => {
    let signals = 0
    terminal.onSignal((signal) => {
      signals++
      if (signals > 1) terminal.exit(EXIT_INTERRUPTED)
      // Whoever deploys has time, whoever sits at the keyboard has not.
      const ended = signal === 'SIGTERM' ? node.drain() : node.close()
      ended.catch(reject)
    })
  })
  try {
    await node.start()
    distrust.started()
    await started(node)
    await Promise.race([node.end, failed])
  } finally {
    await node.close()
  }
  if (distrust.ended)
    throw new CommandError('the node has ended, since it had met a fault: its log says which', 1)
}
