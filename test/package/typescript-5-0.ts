/**
 * What is used here of the compiler's interface, which the current one no longer has: several settings in one process, which parse
 * the library once.
 */
import compiler from 'typescript-5.0'

export interface TsSymbol {
  readonly name: string
  readonly flags: number
  readonly declarations?: readonly TsNode[]
}
export interface TsNode {
  readonly kind: number
  readonly fileName: string
  readonly typeName?: TsNode
  readonly expression?: TsNode
  getSourceFile(): { readonly fileName: string }
}
interface Diagnostic {
  readonly messageText: unknown
  readonly file?: { readonly fileName: string }
}
interface Host {
  getSourceFile(file: string, ...more: readonly unknown[]): TsNode | undefined
}
export interface Program {
  getSourceFile(file: string): TsNode
  getSourceFiles(): readonly TsNode[]
  getOptionsDiagnostics(): readonly Diagnostic[]
  getSyntacticDiagnostics(file: TsNode): readonly Diagnostic[]
  getSemanticDiagnostics(file: TsNode): readonly Diagnostic[]
  getTypeChecker(): {
    getSymbolAtLocation(node: TsNode): TsSymbol
    getAliasedSymbol(symbol: TsSymbol): TsSymbol
    getExportsOfModule(symbol: TsSymbol): readonly TsSymbol[]
  }
}
interface Compiler {
  readonly version: string
  readonly SymbolFlags: { readonly Alias: number }
  readonly SyntaxKind: { readonly TypeParameter: number; readonly ExpressionWithTypeArguments: number }
  convertCompilerOptionsFromJson(options: object, folder: string): { readonly options: object }
  createCompilerHost(options: object): Host
  createProgram(files: readonly string[], options: object, host: Host): Program
  flattenDiagnosticMessageText(text: unknown, lineBreak: string): string
  forEachChild(node: TsNode, visit: (child: TsNode) => void): void
}

export const ts = compiler as unknown as Compiler

const libraries = new Map<string, TsNode | undefined>()

/** `settings` as in `compilerOptions`. */
export function programOf(files: readonly string[], settings: object): Program {
  const { options } = ts.convertCompilerOptionsFromJson(settings, '.')
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile.bind(host)
  host.getSourceFile = (file, ...more) => {
    if (!file.includes('/typescript-5.0/lib/')) return read(file, ...more)
    if (!libraries.has(file)) libraries.set(file, read(file, ...more))
    return libraries.get(file)
  }
  return ts.createProgram(files, options, host)
}

/** Of everything but the compiler's own library; `others`: and but the types of these packages, which are not ours. */
export function faultsOf(program: Program, others: readonly string[] = []): string[] {
  const left = ['/typescript-5.0/lib/', ...others.map((name) => `/node_modules/${name}/`)]
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => !left.some((folder) => fileName.includes(folder)))
  return [
    ...program.getOptionsDiagnostics(),
    ...files.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]),
  ].map(
    ({ file, messageText }) =>
      `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
  )
}
