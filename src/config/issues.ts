/** Collecting and telling what is wrong in a configuration. */
import path from 'node:path';
import type { ConfigIssue } from '#config/types.ts';

/** Where something was written. Lines and columns count from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

export type Path = readonly (string | number)[];

export interface Report {
  errors: ConfigIssue[];
  warnings: ConfigIssue[];
}

export function newReport(): Report {
  return { errors: [], warnings: [] };
}

export interface Finding {
  at: Place;
  path: Path;
  message: string;
  /** The known word that was probably meant. */
  suggestion?: string | undefined;
}

export function addError(report: Report, finding: Finding): void {
  add(report.errors, finding);
}

export function addWarning(report: Report, finding: Finding): void {
  add(report.warnings, finding);
}

/** A value that is wrong in itself is told once, not again by each later stage that cannot use it. */
function add(issues: ConfigIssue[], { at, path, message, suggestion }: Finding): void {
  const issue = { ...at, path: pathText(path), message, ...(suggestion === undefined ? {} : { suggestion }) };
  const told = issues.some(
    (other) =>
      other.path === issue.path &&
      other.file === issue.file &&
      other.line === issue.line &&
      other.column === issue.column,
  );
  if (!told) issues.push(issue);
}

/** `services[3].backup.paths` */
export function pathText(path: Path): string {
  let text = '';
  for (const word of path) {
    if (typeof word === 'number') text += `[${word}]`;
    else text += text === '' ? word : `.${word}`;
  }
  return text;
}

/** In the order of reading: file by file, from top to bottom. */
export function sortIssues(issues: readonly ConfigIssue[]): ConfigIssue[] {
  return issues.toSorted((a, b) => compareText(a.file, b.file) || a.line - b.line || a.column - b.column);
}

/** One issue for people, in two lines. Files below `cwd` are shown relative to it. */
export function formatIssue(issue: ConfigIssue, cwd: string): string {
  const place = `${shortFile(issue.file, cwd)}:${issue.line}:${issue.column}`;
  const head = issue.path === '' ? place : `${place}  ${issue.path}`;
  const hint = issue.suggestion === undefined ? '' : `; did you mean "${issue.suggestion}"?`;
  return `${head}\n  ${issue.message}${hint}`;
}

export function formatIssues(issues: readonly ConfigIssue[], cwd: string): string {
  return issues.map((issue) => formatIssue(issue, cwd)).join('\n\n');
}

function shortFile(file: string, cwd: string): string {
  const relative = path.relative(cwd, file);
  return relative === '' || relative.startsWith('..') ? file : relative;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
