/** A guest of 135 bytes on the first sector of a disk: no kernel is needed to see that a disk comes back. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/* A line that comes over the serial line is written to the second sector and said again; `?` reads that sector.
   xor ax,ax / mov ds,ax / mov es,ax / mov ss,ax / mov sp,7c00 / mov [drive],dl / cld / sti
   mov dx,602 / mov ax,100 / out dx,ax                       tell of the power button (ACPI, as SeaBIOS sets it up)
 line: mov di,8000
 next: mov dx,600 / in ax,dx / test ah,1 / jnz off           was it pressed?
   mov dx,3fd / in al,dx / test al,1 / jnz take              is there a byte?
   hlt / jmp next
 take: mov dx,3f8 / in al,dx / cmp al,a / je obey / stosb / jmp next
 obey: xor al,al / stosb / mov bx,8000 / mov si,bx
   mov ax,301 / cmp byte [8000],'?' / jne disk / mov ax,201  write one sector, or read it
 disk: mov cx,2 / xor dh,dh / mov dl,[drive] / int 13
 say: lodsb / test al,al / jz said / call put / jmp say
 said: mov al,a / call put / jmp line
 put: mov ah,al
 busy: mov dx,3fd / in al,dx / test al,20 / jz busy / mov al,ah / mov dx,3f8 / out dx,al / ret
 off: mov dx,604 / mov ax,2000 / out dx,ax / hlt / jmp off
 drive: db 0
*/
const PROGRAM = Buffer.from(
  'McCO2I7AjtC8AHyIFoZ8/Pu6Aga4AAHvvwCAugAG7fbEAXVYuv0D7KgBdQP06+y6+APsPAp0A6rr4TDAqrsAgIneuAEDgD4AgD91A7gBArkCADD2ihaGfM0TrITAdAXoCQDr9rAK6AIA662IxLr9A+yoIHT4iOC6+APuw7oEBrgAIO/06/YA',
  'base64',
);

const SECTOR = 512;
const DISK_BYTES = 1 << 20;

/** A whole disk, to be written to a file. */
export function bootDisk(): Buffer {
  const disk = Buffer.alloc(DISK_BYTES);
  PROGRAM.copy(disk);
  // By this a BIOS knows that it can be started.
  disk.writeUInt16LE(0xaa55, SECTOR - 2);
  return disk;
}

/** Says a line over the serial line of a guest, and waits for what it says. */
export async function sayToGuest(socket: string, line: string): Promise<string> {
  const connection = connect(socket);
  try {
    await once(connection, 'connect');
    connection.write(`${line}\n`);
    for await (const answer of createInterface({ input: connection })) return answer;
    throw new Error('the guest hung up');
  } finally {
    connection.destroy();
  }
}
