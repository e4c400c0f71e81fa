/**
 * The examples of a page, as somebody copies them: each has a name in a comment before it (`<!-- runs: name -->`), by which a test takes
 * it and runs it.
 */
import { readFileSync } from 'node:fs'

const ROOT = new URL('../../', import.meta.url)
/** With a name, or without one; of those that hold code. */
const FENCE =
  /(?:^<!-- runs: ([\w-]+) -->\n\n)?^```(js|ts|html|sh|yaml|python|php|go|json)\n([\s\S]*?)^```$/gm
const IMPORT = /^import (\w+|\{[^}]*\}) from '([^']+)'.*$/gm

export interface Snippet {
  readonly name: string
  readonly text: string
}

export class Snippets {
  readonly #page: string
  readonly #left: Snippet[]
  readonly #replaced: readonly (readonly [string, string])[]

  /** `replaced`: what stands in the place of addresses that are somebody's own. */
  constructor(page: string, replaced: readonly (readonly [string, string])[] = []) {
    this.#page = page
    this.#replaced = replaced
    this.#left = [...readFileSync(new URL(page, ROOT), 'utf8').matchAll(FENCE)].map(
      ([, name = '', , text = '']) => ({ name, text }),
    )
  }

  /** The one of this name. */
  take(name: string): string {
    const [found, another] = this.takeAll(name)
    if (found === undefined || another !== undefined)
      throw new Error(`${this.#page} has not one snippet named ${name}`)
    return found
  }

  takeAll(name: string): string[] {
    const found = this.#left.filter((one) => one.name === name)
    for (const one of found) this.#left.splice(this.#left.indexOf(one), 1)
    return found.map(({ text }) => this.#replaced.reduce((all, [from, to]) => all.replaceAll(from, to), text))
  }

  /** What nothing has taken. */
  get left(): readonly Snippet[] {
    return this.#left
  }
}

/** A module as the body of an async function, which finds what is imported in `modules` and returns those of its names that are asked for. */
export function moduleBody(code: string, gives: readonly string[]): string {
  const body = code
    .replaceAll(
      IMPORT,
      (_, names: string, from: string) =>
        `const ${names.startsWith('{') ? names : `{ default: ${names} }`} = modules['${from}']`,
    )
    .replaceAll(/^export /gm, '')
  return `${body}\nreturn { ${gives.join(', ')} }`
}

/**
 * Runs a module or a part of one in this process. `given`: what it takes from around it, `modules`: what it imports. Answers those of its
 * names that are asked for.
 */
export async function runScript<Gives extends object = object>(
  code: string,
  {
    modules = {},
    given = {},
    gives = [],
  }: {
    readonly modules?: Readonly<Record<string, unknown>>
    readonly given?: Readonly<Record<string, unknown>>
    readonly gives?: readonly string[]
  },
): Promise<Gives> {
  const imported = [...code.matchAll(IMPORT)].map(([, , from = '']) => from)
  const missing = imported.find((from) => !(from in modules))
  if (missing !== undefined) throw new Error(`nobody has given the module ${missing}`)
  // oxlint-disable-next-line typescript/no-implied-eval -- it is what a page of ours says
  const run = new AsyncFunction('modules', ...Object.keys(given), moduleBody(code, gives)) as (
    ...values: readonly unknown[]
  ) => Promise<Gives>
  return run(modules, ...Object.values(given))
}

const AsyncFunction = (async () => undefined).constructor as FunctionConstructor
