/** Programs that check our files and that not every machine has. Tests that need one are skipped by name, with the reason. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Program {
  /** Why it cannot be used; absent where it can. */
  readonly missing?: string
  /** For the name of a group of tests: empty, or the reason why it is skipped. */
  readonly note: string
}

export function programOr(name: string, install: string): Program {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  if (folders.some((folder) => isExecutable(join(folder, name)))) return { note: '' }
  const missing = `${name} is missing; install it with: ${install}`
  return { missing, note: ` (skipped: ${missing})` }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there.
    return false
  }
}
