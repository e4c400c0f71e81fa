/**
 * The commands, in the order of the help, and where each of them lives. What was not asked for is not loaded: a node keeps the
 * code of a command in memory for as long as it lives, and the others would bring clients of everything with them.
 */
import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

export interface Group {
  /** Of the commands that it adds. */
  readonly names: readonly string[]
  load(): Promise<(program: Command, terminal: Terminal) => void>
}

export const GROUPS: readonly Group[] = [
  { names: ['dev'], load: async () => (await import('./dev.ts')).addDev },
  { names: ['serve'], load: async () => (await import('./serve.ts')).addServe },
  { names: ['status'], load: async () => (await import('./status.ts')).addStatus },
  { names: ['drain'], load: async () => (await import('./drain.ts')).addDrain },
  { names: ['drains', 'report'], load: async () => (await import('./reports.ts')).addReports },
  { names: ['rebalance'], load: async () => (await import('./rebalance.ts')).addRebalance },
  { names: ['target', 'cordon', 'uncordon'], load: async () => (await import('./orders.ts')).addOrders },
  { names: ['trace'], load: async () => (await import('./trace.ts')).addTrace },
  { names: ['webhooks'], load: async () => (await import('./webhooks.ts')).addWebhooks },
  { names: ['log-level'], load: async () => (await import('./log-level.ts')).addLogLevel },
  { names: ['publish'], load: async () => (await import('./publish.ts')).addPublish },
  { names: ['tail'], load: async () => (await import('./tail.ts')).addTail },
  { names: ['channels'], load: async () => (await import('./channels.ts')).addChannels },
  { names: ['subscribe', 'unsubscribe'], load: async () => (await import('./users.ts')).addUsers },
  { names: ['token'], load: async () => (await import('./token.ts')).addToken },
  { names: ['config'], load: async () => (await import('./config.ts')).addConfig },
  { names: ['doctor'], load: async () => (await import('./doctor/doctor.ts')).addDoctor },
  { names: ['size'], load: async () => (await import('./size/size.ts')).addSize },
]

/** All of them where the first word is none: help names every one, and whoever mistyped is told which was meant. */
export function groupsFor([first]: readonly string[]): readonly Group[] {
  const group = GROUPS.find(({ names }) => names.includes(first ?? ''))
  return group === undefined ? GROUPS : [group]
}
