/**
 * The native library, loaded once: which binary `uws-choice.ts` chooses for this process. Not when a module is loaded, so
 * that commands without a listener run where none fits.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Native from '@trufflesuite/uws-js-unofficial'
import {
  AUTHORS_PACKAGE,
  chooseBinary,
  type CLibrary,
  type Choice,
  type Host,
  type Supply,
} from './uws-choice.ts'
import { binariesPackage } from '../package-names.ts'
import { HEAD_BYTES_MAX } from '../protocol/request-head.ts'

export type * as Native from '@trufflesuite/uws-js-unofficial'

declare module '@trufflesuite/uws-js-unofficial' {
  // What binaries have and these types leave out.
  interface WebSocketBehavior<UserData> {
    /** Not in the binary for Node 20. */
    dropped?: (ws: WebSocket<UserData>, message: ArrayBuffer, isBinary: boolean) => void
  }
  interface TemplatedApp {
    /** Cuts every connection, and listens no more. */
    close(): TemplatedApp
  }
}

/** Thrown at start only, and meant for the operator: one sentence with what to do. */
export class BinaryError extends Error {
  override readonly name = 'BinaryError'
}

export interface Library {
  readonly uWS: typeof Native
  /** What was loaded: a file, or the name of the author's package. */
  readonly path: string
  /** Which binary that is, and why this one. */
  readonly why: string
  readonly tellsDropped: boolean
}

const require = createRequire(import.meta.url)
let library: Library | undefined

/** Set by an operator, it counts. */
const HEADERS_VARIABLE = 'UWS_HTTP_MAX_HEADERS_SIZE'

/** Bytes that the first line and the headers of a request may have. */
export function headBytesMax(): number {
  return Number(process.env[HEADERS_VARIABLE]) || HEAD_BYTES_MAX
}

/** Fails with `BinaryError` where none fits. */
export function loadUws(): Library {
  if (library !== undefined) return library
  // A cursor over a hundred channels and a token do not fit the default of 4 kB. Read when the binary is loaded.
  process.env[HEADERS_VARIABLE] ??= String(HEAD_BYTES_MAX)
  const choice = chooseBinary(thisHost(), {
    author: authorsVersion(),
    has: (supply, file) => pathOfBinary(supply, file) !== undefined,
  })
  if (choice.kind === 'none') throw new BinaryError(choice.sentence)
  library = load(choice)
  return library
}

function load(choice: Exclude<Choice, { readonly kind: 'none' }>): Library {
  const path =
    choice.kind === 'author' ? AUTHORS_PACKAGE : (pathOfBinary(choice.supply, choice.file) as string)
  try {
    // Whoever takes the author's own package takes a later one.
    const tellsDropped = choice.kind === 'author' || choice.supply.tellsDropped
    return { uWS: silent(require(path) as typeof Native), path, why: choice.why, tellsDropped }
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s*\n\s*/g, ' ') : String(error)
    const way =
      choice.kind === 'author'
        ? `npm uninstall ${AUTHORS_PACKAGE} brings back the binaries that come with this package`
        : 'npm ci installs it anew'
    throw new BinaryError(`cannot load ${choice.why}: ${reason}; ${way}`, { cause: error })
  }
}

/** Whoever looks for servers of one kind need not find this one by a header of its own (`uWebSockets: 20`). */
function silent(uWS: typeof Native): typeof Native {
  const { _cfg } = uWS as { readonly _cfg?: (key: 'silent') => void }
  _cfg?.('silent')
  return uWS
}

/** Installed from a registry, it is in a package for this kind of machine; in a clone, in the one that it was made by. */
function pathOfBinary(supply: Supply, file: string): string | undefined {
  return pathOf(binariesPackage(process.platform, process.arch), file) ?? pathOf(supply.package, file)
}

/** Where a file of a package lies: looked for as Node does, but `exports` and a missing `main` are in nobody's way. */
function pathOf(name: string, file: string): string | undefined {
  return (require.resolve.paths(name) ?? [])
    .map((folder) => join(folder, name, file))
    .find((path) => existsSync(path))
}

function authorsVersion(): string | undefined {
  const path = pathOf(AUTHORS_PACKAGE, 'package.json')
  if (path === undefined) return undefined
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version?: string }).version ?? 'of no version'
}

function thisHost(): Host {
  const { version, versions, platform, arch } = process
  return {
    nodeVersion: version.slice(1),
    abi: versions.modules,
    platform,
    arch,
    libc: platform === 'linux' ? cLibraryOf(process.report.getReport()) : { name: 'none' },
  }
}

/** As the diagnostic report tells it: the version that is loaded, which may be newer than what Node was built with. */
export function cLibraryOf(report: object): CLibrary {
  const { header, sharedObjects = [] } = report as {
    readonly header?: { readonly glibcVersionRuntime?: string }
    readonly sharedObjects?: readonly string[]
  }
  const version = header?.glibcVersionRuntime
  if (version !== undefined) return { name: 'glibc', version }
  return { name: sharedObjects.some((path) => /\b(?:ld|libc\.?)-?musl/.test(path)) ? 'musl' : 'unknown' }
}
