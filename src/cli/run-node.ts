/**
 * A node for as long as a command runs.
 */
import { EXIT_INTERRUPTED, type Terminal } from './terminal.ts'
import type { Config } from '../config/schema.ts'
import type { Node } from '../node.ts'

/** Until a signal has asked the node to stop and it has. A second signal ends the process at once. */
export async function runNode(
  config: Config,
  terminal: Terminal,
  started: (node: Node) => Promise<void> | void,
): Promise<void> {
  // Here, so that other commands do not load the whole gateway.
  const { createNode } = await import('../node.ts')
  const node = await createNode(config)
  const asked = new Promise<void>((resolve) => {
    let signals = 0
    terminal.onSignal(() => {
      signals++
      if (signals > 1) terminal.exit(EXIT_INTERRUPTED)
      resolve()
    })
  })
  try {
    await node.start()
    await started(node)
    await asked
  } finally {
    await node.close()
  }
}
