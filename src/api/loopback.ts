/** Answers only who asked for this machine by its own name: a web page elsewhere must not reach us through a browser. */
import type { NextFunction, Request, Response } from 'express';

const NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** A rebound DNS name arrives with a foreign Host header, a foreign page with a foreign Origin. */
export function onlyLoopback(request: Request, response: Response, next: NextFunction): void {
  const origin = request.headers.origin;
  const foreign = origin !== undefined && !ours(origin.replace(/^https?:\/\//, ''));
  if (ours(request.headers.host ?? '') && !foreign) return next();
  response.status(403).json({ error: 'this page answers on loopback only' });
}

function ours(hostAndPort: string): boolean {
  return NAMES.has(hostAndPort.replace(/:\d+$/, ''));
}
