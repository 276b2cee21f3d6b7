import random, time, threading
import pytest
from plain_client import *
pytestmark = pytest.mark.brokers

@pytest.mark.timeout(400)
def test_soak(source_kafka, target_kafka, copy, unique):
    rnd = random.Random(5)
    for n in range(4):
        create_topic(source_kafka, f"{unique}{n}", 5)
    stop = threading.Event(); total=[0]*4
    def load(n):
        ws=[producer(source_kafka, compression_type=c, batch_num_messages=b, linger_ms=l) for c in ("none","lz4","zstd","snappy","gzip") for b,l in ((1,0),(10,5),(10000,30))]
        i=0
        while not stop.is_set():
            w=rnd.choice(ws)
            k=rnd.choice((1,3,50,400))
            send(w, f"{unique}{n}", [Row(j%5, b"%d"%(i+j), b"x"*rnd.choice((0,10,300))) for j in range(k)])
            i+=k; w.poll(0); time.sleep(0.01)
        for w in ws: flush(w)
        total[n]=i
    ts=[threading.Thread(target=load,args=(n,)) for n in range(4)]
    [t.start() for t in ts]
    logs=[]
    try:
        for r in range(16):
            run = copy("soak", f"{unique}.*", {"target.group.id": f"{unique}-{r}", "target.offset.flush.interval.ms": rnd.choice((50, 500, 10000))})
            run.wait_for(rnd.choice(("copying","running")))
            time.sleep(rnd.random()*rnd.choice((0.1,1,3)))
            run.kill() if r%4 else run.stop()
            logs.append(run.log)
    finally:
        stop.set(); [t.join() for t in ts]
    run = copy("soak", f"{unique}.*", {"target.group.id": f"{unique}-last"})
    for n in range(4):
        rows = wait_for_rows(target_kafka, f"soak.{unique}{n}", total[n])
        src = read(source_kafka, f"{unique}{n}")
        print(n, total[n], len(rows), len(src))
        assert rows == src
    logs.append(run.log)
    assert not [l for l in logs if "not known" in l or "ERROR" in l or "Traceback" in l], [l for l in logs if "not known" in l or "ERROR" in l]
