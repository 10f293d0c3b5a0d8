BEGIN TRANSACTION;
CREATE TABLE checkpoint (
	count INTEGER NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (count)
)
 STRICT

;
INSERT INTO "checkpoint" VALUES(1,'retentiond ledger house
1
4KAr9oAE0gbAxwBk0gj3XZCn/tYdXfZXm67KImRGj/c=

— retentiond soimqt5mRn7EYR+n1N92J/V7x1fmOy4iD9CcYvW9J3mRlVXpN+uK8XLWepOTYBXN/Wy7tRRn8I3PTEtUg7pf+Q2MtQo=
');
INSERT INTO "checkpoint" VALUES(5,'retentiond ledger house
5
y/xi0PkI7T54uJCMP6/VQFF22bvfhtZXsTKiQmim2pw=

— retentiond soimqqZODkawZtMfSSbkzsDj+PWNqL0jO4IWrpC/ac+g0btGbvzKglHIlhP/4mtzNMit5+AsTzjP0/IDa7ScWLbc+AQ=
');
INSERT INTO "checkpoint" VALUES(6,'retentiond ledger house
6
HoVD2mcOAU/2vdKzZ9+2ae6wRmwx6HMNjXl6OYD6ykg=

— retentiond soimqgY2Gy/kxF/URu5QXtu0z/S5Ipq0EabLAYm4cQ6rXd/XxZLS1EFATGok4AvTKr+PPxMd5yxDQQbHOjuDf0H6vg8=
');
INSERT INTO "checkpoint" VALUES(7,'retentiond ledger house
7
dbvCnOvE9hsRUjqr6BS7Z8TpM2M9XRH3PYQ4SdeumZI=

— retentiond soimqjYa1XIY0bdoKXDEnPIRNfokjpRivoO5n9j7V9zkdVhhIiz9/PZpTtNs/ncYd2Q2PwSMvlVCsd3LNiwchv22zQg=
');
CREATE TABLE entry (
	chain TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	PRIMARY KEY (chain, seq)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "entry" VALUES('helpline-1',1,'{"chain":"helpline-1","count":4,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:15Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":1,"target":"helpline-1","to":"2026-01"}',X'8564760EC89E206762FC4E05E05EAE5C66441E1DB677361E717A12BF9556A92C');
INSERT INTO "entry" VALUES('helpline-1',2,'{"chain":"helpline-1","count":1,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:15Z","reason":"due","recovered":0,"result":"held","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":2,"target":"helpline-1","to":"2026-01"}',X'E3F323BCA9C5C279E5E1A9D83BB331249034CB09A1E9A75B1ACE66D81E9AAAD1');
INSERT INTO "entry" VALUES('helpline-1',3,'{"chain":"helpline-1","count":4,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:25Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":3,"target":"helpline-1","to":"2026-01"}',X'1770FD2B3CE01EA54BFF4E75794A9E2DF4CD61AA6B4E1E0549B21CB789D203E1');
INSERT INTO "entry" VALUES('helpline-1',4,'{"chain":"helpline-1","count":1,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:25Z","reason":"due","recovered":0,"result":"held","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":4,"target":"helpline-1","to":"2026-01"}',X'6D218D53BDAF7644852A9635D7C52B609A4023F3E1F8A31EED02E16E94D4DBF2');
INSERT INTO "entry" VALUES('helpline-1',5,'{"chain":"helpline-1","count":4,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:35Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":5,"target":"helpline-1","to":"2026-01"}',X'C99022812CF453334EFFFEAFD2C2ED03350AD9DC691CD41445DF8603FD88B836');
INSERT INTO "entry" VALUES('helpline-1',6,'{"chain":"helpline-1","count":1,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:35Z","reason":"due","recovered":0,"result":"held","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":6,"target":"helpline-1","to":"2026-01"}',X'5E4CE858A8ABF1AD1A2CA610929BDBC28768ED47B7148E9C0BC62CDCADB8D44A');
INSERT INTO "entry" VALUES('helpline-1',7,'{"chain":"helpline-1","count":6,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:45Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":7,"target":"helpline-1","to":"2026-01"}',X'432F803ED0EDEE03054572EF454B30857DFAB7DBE91B01C28CB85C0E522AE8D2');
INSERT INTO "entry" VALUES('helpline-1',8,'{"chain":"helpline-1","count":5,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:46Z","reason":"due","recovered":0,"result":"retained","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":8,"target":"helpline-1","to":"2026-01"}',X'95E489AD26D7C3170FF37E7EA5AC22F43AA9307B4F0B430906303A8CAE30231E');
INSERT INTO "entry" VALUES('helpline-2',1,'{"chain":"helpline-2","count":2,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:15Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":1,"target":"helpline-2","to":"2026-01"}',X'5B756FB6CFDB987C0A8EC88EE1DB89247CDD12CC8384C1559C4AEB79FAA69401');
INSERT INTO "entry" VALUES('helpline-2',2,'{"chain":"helpline-2","count":3,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:25Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":2,"target":"helpline-2","to":"2026-01"}',X'E0685FB1994E169CD4498DFA777FDFB6BEF4D116E2CEDDA93C793B55B0F04ABA');
INSERT INTO "entry" VALUES('helpline-2',3,'{"chain":"helpline-2","count":4,"event":"deed","folder":"inbox","from":"2026-01","minute":"2026-07-16T03:35Z","reason":"due","recovered":0,"result":"done","root":"710d8c2073cbbf06e7e7f2a59ac3629e4bd98dc5d9ce5d836ffeea8c8e466c4c","seq":3,"target":"helpline-2","to":"2026-01"}',X'87EDCA1C3C10A18BEE82DDF9866E3E026DEB01009D5DC901B28FC2C57829A323');
INSERT INTO "entry" VALUES('house',1,'{"chain":"house","event":"founded","key":"12678bf502fa5a165370b898b142e40766167618d6cf41d5002e032fbced1edc","minute":"2026-07-16T03:05Z","seq":1}',X'E0A02BF68004D206C0C70064D208F75D90A7FED61D5DF6579BAECA2264468FF7');
INSERT INTO "entry" VALUES('house',2,'{"chain":"house","copies":"unknown","destroyed":0,"event":"armed","forecast":40,"minute":"2026-07-16T03:06Z","number":12,"period":"6 months","rules":"a1b2c3","seq":2,"strays":2,"target":"helpline-1","told":"2026-05-01","who":"uid 1000"}',X'3EF0A9201DBA6AD618C84117D814642EDC6F0AD236F9702C626A34F8D5D5456A');
INSERT INTO "entry" VALUES('house',3,'{"chain":"house","copies":"unknown","destroyed":0,"event":"armed","forecast":9,"minute":"2026-07-16T03:06Z","number":5,"period":"6 months","rules":"a1b2c3","seq":3,"strays":2,"target":"helpline-2","told":"2026-05-01","who":"uid 1000"}',X'0F580C2E25CEB74BEDA870B91BB11B837D3E7CA13C62DDE358737778FAC931E8');
INSERT INTO "entry" VALUES('house',4,'{"chain":"house","digest":"d4","event":"rules","minute":"2026-07-16T03:07Z","seq":4,"target":"helpline-2"}',X'5DB6283735894DFB9AA8ADA709FBE37BB95E18D8F8BD30FD0911A5F39AC19554');
INSERT INTO "entry" VALUES('house',5,'{"chain":"house","counts":[["helpline-1","done",4],["helpline-1","held",1],["helpline-2","done",2]],"event":"swept","heads":[["helpline-1",2,"e3f323bca9c5c279e5e1a9d83bb331249034cb09a1e9a75b1ace66d81e9aaad1"],["helpline-2",1,"5b756fb6cfdb987c0a8ec88ee1db89247cdd12cc8384c1559c4aeb79faa69401"]],"minute":"2026-07-16T03:15Z","seq":5,"standing":[["helpline-1",2,"3ef0a9201dba6ad618c84117d814642edc6f0ad236f9702c626a34f8d5d5456a",40,"2026-07-16T03:15Z",4,4],["helpline-2",3,"0f580c2e25ceb74beda870b91bb11b837d3e7ca13c62dde358737778fac931e8",7,"2026-07-16T03:15Z",2,2]]}',X'CBFC62D0F908ED3E78B8908C3FAFD5405176D9BBDF86D657B132A24268A6DA9C');
INSERT INTO "entry" VALUES('house',6,'{"chain":"house","counts":[["helpline-1","done",4],["helpline-1","held",1],["helpline-2","done",3]],"event":"swept","heads":[["helpline-1",4,"6d218d53bdaf7644852a9635d7c52b609a4023f3e1f8a31eed02e16e94d4dbf2"],["helpline-2",2,"e0685fb1994e169cd4498dfa777fdfb6bef4d116e2cedda93c793b55b0f04aba"]],"minute":"2026-07-16T03:25Z","seq":6,"standing":[["helpline-1",2,"3ef0a9201dba6ad618c84117d814642edc6f0ad236f9702c626a34f8d5d5456a",39,"2026-07-16T03:25Z",8,8],["helpline-2",3,"0f580c2e25ceb74beda870b91bb11b837d3e7ca13c62dde358737778fac931e8",7,"2026-07-16T03:25Z",5,5]]}',X'1E8543DA670E014FF6BDD2B367DFB669EEB0466C31E8730D8D797A3980FACA48');
INSERT INTO "entry" VALUES('house',7,'{"chain":"house","counts":[["helpline-1","done",4],["helpline-1","held",1],["helpline-2","done",4]],"event":"swept","heads":[["helpline-1",6,"5e4ce858a8abf1ad1a2ca610929bdbc28768ed47b7148e9c0bc62cdcadb8d44a"],["helpline-2",3,"87edca1c3c10a18bee82ddf9866e3e026deb01009d5dc901b28fc2c57829a323"]],"minute":"2026-07-16T03:35Z","seq":7,"standing":[["helpline-1",2,"3ef0a9201dba6ad618c84117d814642edc6f0ad236f9702c626a34f8d5d5456a",38,"2026-07-16T03:35Z",12,12],["helpline-2",3,"0f580c2e25ceb74beda870b91bb11b837d3e7ca13c62dde358737778fac931e8",7,"2026-07-16T03:35Z",9,9]]}',X'75BBC29CEBC4F61B11523AABE814BB67C4E933633D5D11F73D843849D7AE9992');
INSERT INTO "entry" VALUES('house',8,'{"chain":"house","digest":"d5","event":"rules","minute":"2026-07-16T03:47Z","seq":8,"target":"helpline-1"}',X'EFE312181DF7FBC6CAC041AC26A9BB14C04BCE5F0C3DF5D2334A0B14C239E1D1');
CREATE TABLE head (
	chain TEXT NOT NULL, 
	count INTEGER NOT NULL, 
	hash BLOB NOT NULL, 
	minute TEXT NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (chain)
)
 STRICT

;
INSERT INTO "head" VALUES('house',8,X'EFE312181DF7FBC6CAC041AC26A9BB14C04BCE5F0C3DF5D2334A0B14C239E1D1','2026-07-16T03:47Z','retentiond ledger house
8
7+MSGB33+8bKwEGsJqm7FMBLzl8MPfXSM0oLFMI54dE=

— retentiond soimqrC97aQ5eTmSHuNcbLNHqP6dvBJ0oqEcZbu6agQ9mcUV4PxcTbgdjbqjRDjom4f6CmfAk5oT1kVcU6FD8mGr7Qo=
');
INSERT INTO "head" VALUES('helpline-1',8,X'95E489AD26D7C3170FF37E7EA5AC22F43AA9307B4F0B430906303A8CAE30231E','2026-07-16T03:46Z','retentiond ledger helpline-1
8
leSJrSbXwxcP835+pawi9DqpMHtPC0MJBjA6jK4wIx4=

— retentiond soimqliYBQV+THOsexBjk3ZqRW9DJEsS5y8179nQiP6t8EEiAxq33M4KXjVU5APAj7htuIo2gGGRy1OheWWmOfboKQ8=
');
INSERT INTO "head" VALUES('helpline-2',3,X'87EDCA1C3C10A18BEE82DDF9866E3E026DEB01009D5DC901B28FC2C57829A323','2026-07-16T03:35Z','retentiond ledger helpline-2
3
h+3KHDwQoYvugt35hm4+Am3rAQCdXckBso/CxXgpoyM=

— retentiond soimqm2F9V7yBaTY4wEVH5A9pt/NT2omC2QIB2i34fi5ytVTRncS5YmtFVUoiv0rHx6dffm8RjEE/uCovV/eVljcdAk=
');
CREATE TABLE intent (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	target TEXT NOT NULL, 
	folder TEXT NOT NULL, 
	role TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	phase TEXT NOT NULL, 
	refs TEXT NOT NULL, 
	chain TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	oldest TEXT, 
	newest TEXT, 
	home TEXT, 
	strays TEXT NOT NULL
)
 STRICT

;
INSERT INTO "intent" VALUES(12,'helpline-1','Inbox','inbox',77,'destroying','1:3','helpline-1','due','2026-01-03','2026-01-15',NULL,'[]');
CREATE TABLE memory (
	kind TEXT NOT NULL, 
	target TEXT NOT NULL, 
	mark BLOB NOT NULL, 
	since INTEGER NOT NULL, 
	until INTEGER NOT NULL, 
	PRIMARY KEY (kind, target, mark)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "memory" VALUES('seen','helpline-1',X'30313233343536373839616263646566',1784173620,1790171100);
CREATE TABLE schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
)
 STRICT

;
INSERT INTO "schema" VALUES(1);
CREATE TABLE standing (
	target TEXT NOT NULL, 
	armed_at INTEGER NOT NULL, 
	forecast INTEGER NOT NULL, 
	made TEXT NOT NULL, 
	"before" INTEGER NOT NULL, 
	destroyed INTEGER NOT NULL, 
	PRIMARY KEY (target)
)
 STRICT

;
INSERT INTO "standing" VALUES('helpline-1',2,38,'2026-07-16T03:35Z',12,23);
INSERT INTO "standing" VALUES('helpline-2',3,7,'2026-07-16T03:35Z',9,9);
CREATE TRIGGER entry_never_update BEFORE update ON entry BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER entry_never_delete BEFORE delete ON entry BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER checkpoint_never_update BEFORE update ON checkpoint BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER checkpoint_never_delete BEFORE delete ON checkpoint BEGIN SELECT RAISE(ABORT, 'append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('intent',12);
COMMIT;
