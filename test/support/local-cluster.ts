/** `npm run cluster` as a person uses it: started, its printed commands typed into a shell, ended by Ctrl-C. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from './server-process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const CLUSTER_PROGRAM = join(ROOT, 'scripts/cluster/main.mjs')
/** The command, installed, and as `npx @sluice/gateway` in this folder, without the seconds that npm takes to see that it is here. */
const COMMANDS = `sluice() { '${process.execPath}' '${ROOT}bin/sluice.js' "$@"; }
npx() { shift; sluice "$@"; }`

export interface Typed {
  readonly code: number | null
  readonly output: string
}

export class LocalCluster {
  readonly directory: string
  readonly #process: ServerProcess

  private constructor(directory: string, process: ServerProcess) {
    this.directory = directory
    this.#process = process
  }

  static start(...options: readonly string[]): Promise<LocalCluster> {
    return LocalCluster.startIn({}, ...options)
  }

  /** `env`: beside what this process has; its nodes have it, too. */
  static async startIn(
    env: Readonly<Record<string, string>>,
    ...options: readonly string[]
  ): Promise<LocalCluster> {
    const server = await ServerProcess.start({
      program: process.execPath,
      install: 'Node.js',
      args: [CLUSTER_PROGRAM, '--port', '0', ...options],
      env,
      ready: 'To try in another terminal',
    })
    const directory = /files and logs: (\S+)/.exec(server.output)?.[1] as string
    return new LocalCluster(directory, server)
  }

  get output(): string {
    return this.#process.output
  }

  /** The lines that it says can be typed. */
  get commands(): string[] {
    const [, shown = ''] = /To try in another terminal.*\n([\s\S]*)/.exec(this.output) ?? []
    return shown.split('\n').flatMap((line) => (line.startsWith('  ') ? [line.slice(2)] : []))
  }

  /** All that it has started, by name. */
  get processes(): Map<string, number> {
    const files = readdirSync(this.directory).filter((name) => name.endsWith('.pid'))
    return new Map(
      files.map((name) => [
        name.slice(0, -'.pid'.length),
        Number(readFileSync(join(this.directory, name), 'utf8')),
      ]),
    )
  }

  /** In a shell that knows the cluster. Ends at the first command that fails; who was started in the background ends with it. */
  async type(script: string): Promise<Typed> {
    const shell = spawn('bash', ['-ec', `${COMMANDS}\n. '${this.directory}/env'\n${script}`], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    const closed = once(shell, 'close')
    const [code] = (await once(shell, 'exit')) as [number | null]
    try {
      process.kill(-(shell.pid as number), 'SIGKILL')
    } catch (error) {
      // Nobody was left.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await closed
    return { code, output }
  }

  interrupt(): Promise<number | null> {
    return this.#process.stop('SIGINT')
  }
}
