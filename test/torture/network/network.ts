/** What the hosts of a run are joined by. It lies to them as it is told. */
import type { LinkRules } from './rule.ts'

export interface Network {
  /** Where a host is for another one; for itself, and for this process, where it listens. */
  address(host: string, seenBy?: string): string
  /** The host that listens at an address. */
  hostAt(address: string): string | undefined
  /** The command that runs this one on a host. */
  on(host: string, command: readonly string[]): string[]
  /** Makes the folder at `path` a disk of its own that can be full, where that is possible here. */
  mount(path: string, bytes: number): void
  /** These rules, and no others, from now on. Resolves once they are in force. */
  lie(rules: readonly LinkRules[]): Promise<void>
  close(): Promise<void> | void
}
